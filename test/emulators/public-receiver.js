// Loaded into the functions of the emulator: gives them a public network with one receiver in it. Its name resolves to a public
// address, and a connection to that address, and to no other, ends at the test's own server. The functions know nothing of it.
const dns = require('node:dns/promises');
const net = require('node:net');

const NAME = 'receiver.example';
const PUBLIC_ADDRESS = '93.184.215.14';
const port = Number(process.env.MV2ID_TEST_RECEIVER_PORT);

const { lookup } = dns;
dns.lookup = async (hostname, options) =>
  hostname === NAME ? [{ address: PUBLIC_ADDRESS, family: 4 }] : lookup(hostname, options);

const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  if (options?.host !== NAME) return connect.apply(this, args);
  options.lookup(NAME, { all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error || options.port !== 443 || first?.address !== PUBLIC_ADDRESS) {
      this.destroy(error ?? new Error(`${NAME} must be reached at ${PUBLIC_ADDRESS}:443, got ${first?.address}.`));
    } else connect.call(this, { ...options, host: '127.0.0.1', port, lookup: undefined });
  });
  return this;
};
