#!/bin/sh
# The tests that open pages need a Chromium.  Debian and Ubuntu: install it when we may; elsewhere say so.
for name in chromium chromium-browser google-chrome; do
    command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the tests that open pages ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null && exit 0
fi
echo "No Chromium found: the tests that open pages will be skipped (with CI=true they fail)."
echo "To run them, install one, for example:  sudo apt-get install chromium"
exit 0
