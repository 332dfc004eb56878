@echo off
rem Starts Hypnos from this folder; nothing is installed. The address stays the same: history belongs to it.
title Hypnos
rem Started from a network share, cmd complains of the address, and means nothing by it.
cls
"%SystemRoot%\System32\WindowsPowerShell\v1.0\powershell.exe" -NoProfile -ExecutionPolicy Bypass -File "%~dp0server\serve.ps1"
if %errorlevel% neq 0 pause
