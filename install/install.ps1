<#
.SYNOPSIS
Installs gateway for the user who runs this, on Windows.

.DESCRIPTION
NOT TRIED ON WINDOWS YET. Only Linux is claimed; this is written to do what install.sh does, as far as
Windows has the same things: the program in a folder of the user's, that folder in the user's Path, and
removal of both. There are no services, manual pages or completions here: `gateway service` says that
Windows is not supported, and completions are printed by `gateway completions powershell`.
It asks nothing and may be run again at any time.

.PARAMETER Binary
Install this prebuilt program instead of building the clone.

.PARAMETER Prefix
Install below this folder (default: %LOCALAPPDATA%\Programs\gateway).

.PARAMETER Uninstall
Remove what this script installed; data stays.

.PARAMETER Purge
With -Uninstall: remove configuration and tasks too. Secrets in the Credential Manager are named, not
removed.
#>
[CmdletBinding()]
param(
    [string] $Binary = '',
    [string] $Prefix = '',
    [switch] $Uninstall,
    [switch] $Purge
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

function Stop-With([string] $Message, [string] $Hint, [int] $Code = 1) {
    [Console]::Error.WriteLine("error: $Message")
    [Console]::Error.WriteLine("hint: $Hint")
    exit $Code
}

if ($Purge -and -not $Uninstall) { Stop-With '-Purge goes with -Uninstall' 'see Get-Help install.ps1' 2 }
if ($Uninstall -and $Binary) { Stop-With '-Uninstall goes with -Purge and -Prefix only' 'see Get-Help install.ps1' 2 }
if (-not $env:LOCALAPPDATA -or -not $env:APPDATA) {
    Stop-With 'LOCALAPPDATA and APPDATA are not set' 'run this on Windows, as the user it is for'
}
if (-not $Prefix) { $Prefix = Join-Path $env:LOCALAPPDATA 'Programs\gateway' }
$Prefix = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Prefix).TrimEnd('\')
$Program = Join-Path $Prefix 'gateway.exe'

# The user's own Path, as stored: reading it through $env: would mix in the machine's. The kind of
# the value is kept, so that %variables% in it go on working.
function Edit-Path([scriptblock] $Change) {
    $key = [Microsoft.Win32.Registry]::CurrentUser.OpenSubKey('Environment', $true)
    try {
        $old = [string] $key.GetValue('Path', '', 'DoNotExpandEnvironmentNames')
        $kind = if ($null -ne $key.GetValue('Path')) { $key.GetValueKind('Path') } else { 'ExpandString' }
        $entries = @($old -split ';' | Where-Object { $_ -ne '' })
        $new = (@(& $Change $entries)) -join ';'
        if ($new -eq ($entries -join ';')) { return $false }
        $key.SetValue('Path', $new, $kind)
        return $true
    } finally { $key.Dispose() }
}

if ($Uninstall) {
    if (Test-Path -LiteralPath $Program) {
        try { Remove-Item -LiteralPath $Program }
        catch { Stop-With "cannot remove $Program" 'end the running gateway, then run this again' }
        Write-Output "removed $Program"
        # Programs that were moved aside while they ran.
        Get-ChildItem -LiteralPath $Prefix -Filter 'gateway.exe.old-*' | Remove-Item -ErrorAction SilentlyContinue
        if (-not (Get-ChildItem -LiteralPath $Prefix -Force)) { Remove-Item -LiteralPath $Prefix }
        if (Edit-Path { param($entries) $entries | Where-Object { $_ -ne $Prefix } }) {
            Write-Output "removed $Prefix from your Path"
        }
    } else {
        Write-Output "nothing is installed in $Prefix"
    }
    if ($Purge) {
        foreach ($folder in @((Join-Path $env:APPDATA 'gateway'), (Join-Path $env:LOCALAPPDATA 'gateway'))) {
            if (Test-Path -LiteralPath $folder) {
                Remove-Item -LiteralPath $folder -Recurse -Force
                Write-Output "removed $folder"
            }
        }
        foreach ($named in @($env:GATEWAY_CONFIG, $env:GATEWAY_STATE_DIR)) {
            if ($named -and (Test-Path -LiteralPath $named)) {
                Write-Output "note: $named stays: a GATEWAY_ variable names it"
            }
        }
        Write-Output 'note: secrets in the Credential Manager, if any, stay: remove those whose name ends in ".gateway" there'
    } else {
        Write-Output 'configuration, tasks and secrets stay; -Uninstall -Purge removes configuration and tasks too'
    }
    exit 0
}

if (-not $Binary) {
    $root = Split-Path -Parent $PSScriptRoot
    $manifest = Join-Path $root 'Cargo.toml'
    if (-not (Test-Path -LiteralPath $manifest)) {
        Stop-With 'there is no clone around this script to build' 'run install\install.ps1 of a clone, or name a prebuilt program with -Binary'
    }
    if (-not (Get-Command cargo -ErrorAction SilentlyContinue)) {
        Stop-With 'cargo is not installed, so the clone cannot be built' 'install Rust (see https://rustup.rs) and run this again, or name a prebuilt program with -Binary' 69
    }
    $target = Join-Path $root 'target'
    & cargo build --release --locked --bin gateway --manifest-path $manifest --target-dir $target
    if ($LASTEXITCODE -ne 0) { Stop-With 'the build failed' 'the lines above say why; an old Rust is cured by: rustup update' }
    $Binary = Join-Path $target 'release\gateway.exe'
}
if (-not (Test-Path -LiteralPath $Binary -PathType Leaf)) { Stop-With "$Binary is not a file" 'name the prebuilt program after -Binary' }
$version = ''
try { $version = [string] (& $Binary --version) } catch { $version = '' }
if (-not $version.StartsWith('gateway ')) { Stop-With "$Binary is not a gateway that runs here" 'name a program that was built for Windows after -Binary' }

$changed = $false
if (-not (Test-Path -LiteralPath $Prefix)) { $null = New-Item -ItemType Directory -Path $Prefix }
$same = (Test-Path -LiteralPath $Program) -and
    ((Get-FileHash -LiteralPath $Program).Hash -eq (Get-FileHash -LiteralPath $Binary).Hash)
if (-not $same) {
    $new = "$Program.new-$PID"
    Copy-Item -LiteralPath $Binary -Destination $new
    # A running program cannot be overwritten here, but it can be renamed.
    if (Test-Path -LiteralPath $Program) { Move-Item -LiteralPath $Program -Destination "$Program.old-$PID" -Force }
    Move-Item -LiteralPath $new -Destination $Program
    Get-ChildItem -LiteralPath $Prefix -Filter 'gateway.exe.old-*' | Remove-Item -ErrorAction SilentlyContinue
    Write-Output "installed $Program"
    $changed = $true
}
if (Edit-Path { param($entries) if ($entries -contains $Prefix) { $entries } else { $entries + $Prefix } }) {
    Write-Output "added $Prefix to your Path; new terminals see it"
    $changed = $true
}
if ($changed) { Write-Output "$version is installed" } else { Write-Output "$version is installed already; nothing changed" }
Write-Output "next: $Program serve"
