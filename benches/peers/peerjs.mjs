// The PeerJS server, as its documentation shows it.
import { PeerServer } from 'peer';

PeerServer({ host: '127.0.0.1', port: 0, path: '/', concurrent_limit: 20000 }, (server) => {
  console.log(`listening on ws://127.0.0.1:${server.address().port}`);
});
