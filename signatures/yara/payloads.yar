/*
    What attackers put into models, whatever the format. These rules look at bytes, so they also see
    formats that weighbridge does not parse. `severity` is ours: without it a match is high; with
    "medium" it does not close the gate, because documentation and honest code hold such text too.
*/

rule reverse_shell
{
    meta:
        why = "One line that hands a shell on this machine to somebody on the network."
        reference = "https://attack.mitre.org/techniques/T1059/004/"
    strings:
        $bash = /(ba|z|k|da)?sh -i[ ]{0,4}[0-9]?[>&|<]{1,3}[ ]{0,4}\/dev\/(tcp|udp)\/[^ \n]{1,100}\/[0-9]{1,5}/
        $exec = /exec [0-9]{1,3}<>[ ]{0,4}\/dev\/(tcp|udp)\/[^ \n]{1,100}\/[0-9]{1,5}/
        $fifo = /mkfifo [^;\n]{1,80};[^\n]{0,80}sh -i[^\n]{0,80}\b(nc|ncat|netcat|openssl) /
        $netcat = /\b(nc|ncat|netcat) [^\n;|&]{0,60}-[a-z]{0,3}e[ ]{1,4}\/(usr\/)?bin\/(ba|z|da)?sh/
    condition:
        any of them
}

rule python_reverse_shell
{
    meta:
        why = "Python that connects a socket and puts a shell behind it: both halves stand close together."
        reference = "https://attack.mitre.org/techniques/T1059/006/"
    strings:
        $dup = /os\.dup2\([a-z_]{1,20}\.fileno\(\), ?[0-2]\)/
        $socket = "socket.socket("
        $shell = /(pty\.spawn\(|subprocess\.(call|run|Popen)\()[^\n]{0,40}(sh|cmd\.exe)["']/
    condition:
        $socket and #dup >= 2 and $shell and for any i in (1..#dup) : ( $shell in (@dup[i]-600 .. @dup[i]+600) )
}

rule coin_miner
{
    meta:
        why = "Address of a mining pool: the machine that loads this would mine for somebody else."
        reference = "https://attack.mitre.org/techniques/T1496/"
    strings:
        $pool = /stratum\+(tcp|ssl|tls):\/\/[a-z0-9.-]{4,100}:[0-9]{2,5}/ nocase
        $option = /--donate-level[ =][0-9]/
        $program = "xmrig" nocase
    condition:
        $pool or ($option and $program)
}

rule encoded_python
{
    meta:
        why = "Python that decodes a text and runs it at once: nobody who has nothing to hide writes it so."
        reference = "https://attack.mitre.org/techniques/T1027/"
    strings:
        $exec = /\b(exec|eval)\((compile\()?(__import__\(["'](base64|zlib|marshal|codecs)["']\)|base64|zlib|marshal|codecs)\.(b64decode|b32decode|b16decode|b85decode|decompress|loads|decode)\(/
    condition:
        $exec
}

rule encoded_powershell
{
    meta:
        why = "PowerShell that hides its window and its command."
        reference = "https://attack.mitre.org/techniques/T1059/001/"
    strings:
        $encoded = /powershell(\.exe)?[^\n]{0,80}-e(nc|ncodedcommand)?[ ]{1,4}[A-Za-z0-9+\/]{40}/ nocase
    condition:
        $encoded
}

rule download_and_run
{
    meta:
        why = "A command that fetches a script and runs it. Installation instructions do so as well."
        severity = "medium"
        reference = "https://attack.mitre.org/techniques/T1105/"
    strings:
        $pipe = /\b(curl|wget) [^\n|;]{0,200}https?:\/\/[^\n|;]{4,200}\| ?(sudo )?(ba|z|da)?sh\b/
        $powershell = /\biex ?\(? ?\(?new-object net\.webclient\)?\.downloadstring\(/ nocase
    condition:
        any of them
}

rule metadata_service
{
    meta:
        why = "Address of the service that gives a cloud machine its credentials: nothing that a model needs."
        severity = "medium"
        reference = "https://attack.mitre.org/techniques/T1552/005/"
    strings:
        $address = /\b169\.254\.169\.254\/(latest|computeMetadata|metadata)\// nocase
        $google = "metadata.google.internal/computeMetadata" nocase
    condition:
        any of them
}

rule exfiltration_channel
{
    meta:
        why = "Address of a chat bot or of a paste service that takes whatever is sent to it."
        severity = "medium"
        reference = "https://attack.mitre.org/techniques/T1567/"
    strings:
        $telegram = /api\.telegram\.org\/bot[0-9]{6,12}:[A-Za-z0-9_-]{30,40}\/send/
        $discord = /discord(app)?\.com\/api\/webhooks\/[0-9]{15,21}\/[A-Za-z0-9_-]{40,90}/
    condition:
        any of them
}
