#!/bin/sh
# Starts Hypnos from this folder with the Perl that macOS has; nothing is installed.
folder=$(cd "$(dirname "$0")" && pwd) || exit 1
address=http://localhost:7317/
(sleep 1 && open "$address") >/dev/null 2>&1 &
echo '关闭此窗口即停止服务。Closing this window stops it.'
if [ -x /usr/bin/perl ]; then exec /usr/bin/perl "$folder/server/serve.pl"; fi
# Without the developer tools, /usr/bin/python3 only offers to install them.
if xcode-select -p >/dev/null 2>&1; then exec python3 "$folder/server/serve.py"; fi
echo '没有找到 Perl 或 Python 3。Neither Perl nor Python 3 was found.' >&2
exit 1
