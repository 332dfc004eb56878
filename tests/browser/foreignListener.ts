/**
 * The rest of the world, for privacy tests: every host name but localhost leads to one TCP and one UDP socket that
 * count what reaches them.
 */
import dgram from 'node:dgram';
import net from 'node:net';

/**
 * Chromium itself asks its maker about every form it sees (its structure, not its content), about sign-in, and for parts
 * of its own that it wants at once (over plain HTTP when TLS fails, and in spite of --disable-component-update),
 * whatever the page. A hospital turns that off by policy; no page can.
 */
const BROWSERS_OWN =
  /^(tls (content-autofill|update)\.googleapis\.com|tls accounts\.google\.com|POST \/service\/update2\/json\?cup2key=\S* HTTP\/1\.1)$/;

export interface ForeignListener {
  readonly port: number;
  /** Chromium arguments that lead every foreign host name here. */
  readonly chromiumArguments: readonly string[];
  /** What arrived, but for the browser's own questions to its maker: the first line of an HTTP request, "tls" and the host's name, or "udp". */
  readonly contacts: readonly string[];
  close(): Promise<void>;
}

export async function listenAsForeignWorld(): Promise<ForeignListener> {
  const heard: string[] = [];
  const tcp = net.createServer((socket) => {
    const index = heard.push('tcp connection') - 1;
    socket.on('error', () => {});
    socket.once('data', (data) => {
      heard[index] = describe(data);
      socket.end('HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as net.AddressInfo;
  const udp = dgram.createSocket('udp4');
  udp.on('message', () => heard.push('udp'));
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  return {
    port,
    chromiumArguments: [
      `--host-resolver-rules=MAP * 127.0.0.1:${port}, EXCLUDE localhost, EXCLUDE 127.0.0.1`,
    ],
    get contacts() {
      return heard.filter((contact) => !BROWSERS_OWN.test(contact));
    },
    close: async () => {
      udp.close();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}

function describe(data: Buffer): string {
  const isTls = data[0] === 0x16;
  return isTls ? `tls ${serverName(data)}` : (data.toString('latin1').split('\r\n')[0] ?? '');
}

/** The server_name extension of a TLS ClientHello (RFC 6066, section 3), found by its nested lengths. */
function serverName(hello: Buffer): string {
  for (let at = 0; at + 9 <= hello.length; at += 1) {
    const extension = hello.readUInt16BE(at + 2);
    const list = hello.readUInt16BE(at + 4);
    const name = hello.readUInt16BE(at + 7);
    const isServerName = hello.readUInt16BE(at) === 0 && hello[at + 6] === 0;
    if (isServerName && name > 0 && list === name + 3 && extension === list + 2) {
      return hello.toString('latin1', at + 9, at + 9 + name);
    }
  }
  return 'without a name';
}
