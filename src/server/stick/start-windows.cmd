@echo off
rem Starts Hypnos from this folder; nothing is installed. The address stays the same: history belongs to it.
title Hypnos
powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0server\serve.ps1"
if errorlevel 1 pause
