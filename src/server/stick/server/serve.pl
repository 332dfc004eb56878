# Serves the page on this computer only, with its security headers. Perl 5.10 or newer, core modules alone: what macOS
# and every Linux have. One process for each connection.
#
#     perl serve.pl [--port N]
#
# headers.txt ("Name: value") and types.txt ("extension type") lie beside this file, the page in ../page.
use strict;
use warnings;
use Cwd qw(realpath);
use File::Basename qw(dirname);
use IO::Socket::INET;

my $here = realpath(dirname(__FILE__));
my $page = realpath("$here/../page") or die "The page is missing: $here/../page\n";
my $port = (@ARGV == 2 && $ARGV[0] eq '--port') ? $ARGV[1] : 7317;

sub read_lines {
    open(my $lines, '<', "$here/$_[0]") or die "$here/$_[0]: $!\n";
    return grep { /\S/ } map { s/[\r\n]+$//r } <$lines>;
}
my $headers = join('', map { "$_\r\n" } read_lines('headers.txt'));
my %types = map { split(/ /, $_, 2) } read_lines('types.txt');

sub answer {
    my ($client, $status, $fields, $body, $with_body) = @_;
    print $client "HTTP/1.1 $status\r\n$headers$fields", "Connection: close\r\n\r\n", $with_body ? $body : '';
}

sub refuse {
    my ($client, $status, $message, $with_body) = @_;
    my $body = "$message\n";
    my $fields = "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " . length($body) . "\r\n";
    answer($client, $status, $fields, $body, $with_body);
}

sub serve {
    my ($client) = @_;
    local $/ = "\n";
    local $SIG{ALRM} = sub { exit 0 };
    alarm 30;    # a connection that asks nothing
    my $request = <$client>;
    return unless defined $request;
    my ($host, $size) = ('', length $request);
    while (defined(my $line = <$client>)) {
        $size += length $line;
        return refuse($client, '431 Request Header Fields Too Large', 'Too large.', 1) if $size > 65536;
        last if $line =~ /^\r?\n$/;
        $host = $1 if $line =~ /^host:\s*(\S+?)(?::\d+)?\s*$/i;
    }
    alarm 0;
    my ($method, $target) = $request =~ m{^([A-Z]+) (/\S*) HTTP/1\.[01]\r?\n$}
        or return refuse($client, '400 Bad Request', 'Bad request.', 1);
    my $with_body = $method ne 'HEAD';
    # A page of another site that rebinds its name to 127.0.0.1 must not read this one.
    return refuse($client, '421 Misdirected Request', 'Only localhost is served here.', $with_body)
        unless $host =~ /^(?:localhost|127\.0\.0\.1|\[::1\])$/;
    return refuse($client, '405 Method Not Allowed', 'Not allowed.', $with_body)
        unless $method =~ /^(?:GET|HEAD)$/;
    (my $path = $target) =~ s/[?#].*//;
    $path =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge;
    $path = '/index.html' if $path eq '/';
    my $file = $path =~ /\0/ ? undef : realpath("$page$path");
    return refuse($client, '404 Not Found', 'Not found.', $with_body)
        unless defined $file && index($file, "$page/") == 0 && -f $file;
    open(my $content, '<:raw', $file) or return refuse($client, '404 Not Found', 'Not found.', $with_body);
    my ($extension) = $file =~ /\.([^.\/]+)$/;
    my $type = $types{ $extension // '' } // 'application/octet-stream';
    # Files under assets/ are named by their content.
    my $cache = $path =~ m{^/assets/} ? 'public, max-age=31536000, immutable' : 'no-cache';
    answer($client, '200 OK',
        "Content-Type: $type\r\nContent-Length: " . (-s $content) . "\r\nCache-Control: $cache\r\n", '', 0);
    return unless $with_body;
    while (read($content, my $block, 1 << 20)) {
        print $client $block or last;
    }
}

my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 128, ReuseAddr => 1)
    or die "Port $port cannot be used ($@). If Hypnos already runs, open http://localhost:$port/\n";
$| = 1;
print 'Hypnos: http://localhost:', $server->sockport, "/\n";
$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';    # a browser that closed its connection
while (1) {
    my $client = $server->accept or next;
    my $child = fork;
    if (defined $child && $child == 0) {
        close $server;
        binmode $client;
        serve($client);
        close $client;
        exit 0;
    }
    close $client;
}
