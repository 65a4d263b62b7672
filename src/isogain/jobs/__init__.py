"""Independent jobs: what each is, where it runs, where its result is kept, what many say together."""
