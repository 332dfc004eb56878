#!/bin/sh
# Starts Hypnos from this folder with what the system has, Python or Perl; nothing is installed.
folder=$(cd "$(dirname "$0")" && pwd) || exit 1
address=http://localhost:7317/
(sleep 1 && xdg-open "$address") >/dev/null 2>&1 &
echo '关闭此窗口即停止服务。Closing this window stops it.'
if command -v python3 >/dev/null 2>&1; then exec python3 "$folder/server/serve.py"; fi
if command -v perl >/dev/null 2>&1; then exec perl "$folder/server/serve.pl"; fi
echo '没有找到 Python 3 或 Perl。Neither Python 3 nor Perl was found; install one of them.' >&2
exit 1
