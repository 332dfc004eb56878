/**
 * The rest of the world, for privacy tests: every host name but localhost leads to one TCP and one UDP socket that
 * count what reaches them.
 */
import dgram from 'node:dgram';
import net from 'node:net';

export interface ForeignListener {
  readonly port: number;
  /** Chromium arguments that lead every foreign host name here. */
  readonly chromiumArguments: readonly string[];
  /** What arrived: the first line of a TCP connection, or "udp". */
  readonly contacts: readonly string[];
  close(): Promise<void>;
}

export async function listenAsForeignWorld(): Promise<ForeignListener> {
  const contacts: string[] = [];
  const tcp = net.createServer((socket) => {
    const index = contacts.push('tcp connection') - 1;
    socket.on('error', () => {});
    socket.once('data', (data) => {
      contacts[index] = data.toString('latin1').split('\r\n')[0] ?? '';
      socket.end('HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\nConnection: close\r\n\r\n');
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const { port } = tcp.address() as net.AddressInfo;
  const udp = dgram.createSocket('udp4');
  udp.on('message', () => contacts.push('udp'));
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  return {
    port,
    chromiumArguments: [
      `--host-resolver-rules=MAP * 127.0.0.1:${port}, EXCLUDE localhost, EXCLUDE 127.0.0.1`,
    ],
    contacts,
    close: async () => {
      udp.close();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
}
