# Serves the page on this computer only, with its security headers. Windows PowerShell 5.1 or newer, nothing else.
#
#     powershell -NoProfile -ExecutionPolicy Bypass -File serve.ps1 [-Port N] [-NoBrowser]
#
# headers.txt ("Name: value") and types.txt ("extension type") lie beside this file, the page in ..\page.
# One thread: answers are copied asynchronously, so that a slow reader holds nobody up.
param([int]$Port = 7317, [switch]$NoBrowser)
$ErrorActionPreference = 'Stop'

$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$page = [IO.Path]::GetFullPath([IO.Path]::Combine($here, '..', 'page'))
$headers = @(Get-Content -Encoding UTF8 -LiteralPath ([IO.Path]::Combine($here, 'headers.txt')) | Where-Object { $_ })
$types = @{}
Get-Content -Encoding UTF8 -LiteralPath ([IO.Path]::Combine($here, 'types.txt')) | Where-Object { $_ } | ForEach-Object {
    $extension, $type = $_ -split ' ', 2
    $types[$extension] = $type
}

$address = "http://localhost:$Port/"
$listener = New-Object Net.HttpListener
# This prefix answers to the name localhost alone, and needs no administrator.
$listener.Prefixes.Add($address)
try { $listener.Start() } catch {
    Write-Host "Port $Port cannot be used ($($_.Exception.Message)). If Hypnos already runs, open $address"
    Write-Host '如网页打不开，请关闭另一个 Hypnos 窗口后重新启动。If the page does not open, close the other Hypnos window and start again.'
    exit 1
}
Write-Host "Hypnos: $address"
Write-Host '关闭此窗口即停止服务。Closing this window stops it.'
# Without a browser to open it the page is served all the same.
if (-not $NoBrowser) { try { Start-Process $address } catch { } }

function Send-Refusal($context, [int]$status, [string]$message) {
    $response = $context.Response
    $bytes = [Text.Encoding]::UTF8.GetBytes("$message`n")
    $response.StatusCode = $status
    $response.ContentType = 'text/plain; charset=utf-8'
    $response.ContentLength64 = $bytes.Length
    # An answer to HEAD has no body, and .NET throws where one is written.
    if ($context.Request.HttpMethod -eq 'HEAD') { $response.Close() } else { $response.Close($bytes, $false) }
}

# A link could lead out of the folder. Synced and deduplicated files are reparse points as well, but no links.
function Test-Link([string]$file) {
    while ($file.Length -gt $page.Length) {
        # Asked of reparse points only: version 5.1 cannot tell the type of other files, nor of any on a FAT stick.
        if (([IO.File]::GetAttributes($file) -band [IO.FileAttributes]::ReparsePoint) -and
            (Get-Item -LiteralPath $file -Force).LinkType -in 'SymbolicLink', 'Junction') { return $true }
        $file = [IO.Path]::GetDirectoryName($file)
    }
    return $false
}

# Answers one request; returns the copy that goes on, or nothing.
function Start-Answer($context) {
    $request, $response = $context.Request, $context.Response
    foreach ($line in $headers) {
        $name, $value = $line -split ': ', 2
        $response.Headers.Add($name, $value)
    }
    # Windows listens on every address and goes by the name that a request gives: another computer may give this one, too.
    if (-not $request.IsLocal) { Send-Refusal $context 421 'Only localhost is served here.'; return }
    if ($request.HttpMethod -notin 'GET', 'HEAD') { Send-Refusal $context 405 'Not allowed.'; return }
    $path = [Uri]::UnescapeDataString($request.Url.AbsolutePath)
    if ($path -eq '/') { $path = '/index.html' }
    try { $file = [IO.Path]::GetFullPath([IO.Path]::Combine($page, $path.TrimStart('/', '\'))) } catch { $file = '' }
    $inside = $file.StartsWith($page + [IO.Path]::DirectorySeparatorChar, [StringComparison]::Ordinal)
    if (-not $inside -or -not [IO.File]::Exists($file) -or (Test-Link $file)) { Send-Refusal $context 404 'Not found.'; return }
    $type = $types[[IO.Path]::GetExtension($file).TrimStart('.')]
    $response.ContentType = if ($type) { $type } else { 'application/octet-stream' }
    # Files under assets/ are named by their content.
    $cache = if ($path.StartsWith('/assets/')) { 'public, max-age=31536000, immutable' } else { 'no-cache' }
    $response.Headers.Add('Cache-Control', $cache)
    $content = [IO.File]::OpenRead($file)
    $response.ContentLength64 = $content.Length
    if ($request.HttpMethod -eq 'HEAD') { $content.Dispose(); $response.Close(); return }
    return @{
        Task = $content.CopyToAsync($response.OutputStream, 1048576)
        Content = $content
        Response = $response
    }
}

$copies = New-Object Collections.ArrayList
$accepting = $listener.GetContextAsync()
try {
    while ($true) {
        # Short waits let Ctrl+C through and finished copies be closed.
        $wait = if ($copies.Count) { 10 } else { 250 }
        try { $came = $accepting.Wait($wait) } catch {
            # A client that went away while it asked is no reason to stop.
            if (-not $listener.IsListening) { throw }
            [Threading.Thread]::Sleep(250)
            $accepting = $listener.GetContextAsync()
            continue
        }
        if ($came) {
            $context = $accepting.Result
            $accepting = $listener.GetContextAsync()
            try {
                $copy = Start-Answer $context
                if ($copy) { [void]$copies.Add($copy) }
            } catch {
                try { $context.Response.Abort() } catch { }
            }
        }
        foreach ($copy in @($copies | Where-Object { $_.Task.IsCompleted })) {
            $copies.Remove($copy)
            $copy.Content.Dispose()
            # A browser that closed its connection leaves a copy that failed.
            try { $copy.Response.Close() } catch { try { $copy.Response.Abort() } catch { } }
        }
    }
} finally {
    $listener.Close()
}
