// A bare `ws` server with just enough of the protocol to be measured: welcome, ack, presence, message.
// It has none of the rules that real clients need (the snapshot after the pong, limits, grants, grace).
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
const rooms = new Map();
let last = 0;

server.on('connection', (socket) => {
  const peerId = `p${++last}`;
  const joined = new Set();
  socket.send(JSON.stringify({ type: 'welcome', peerId, expiresAt: null, serverTime: 0, maxMessageSize: 65536 }));
  socket.on('message', (text) => {
    const frame = JSON.parse(text);
    if (frame.requestId) socket.send(JSON.stringify({ type: 'ack', requestId: frame.requestId }));
    const members = rooms.get(frame.channel) ?? new Map();
    if (frame.type === 'subscribe') {
      rooms.set(frame.channel, members);
      const others = [...members.values()].map((peer) => ({ peerId: peer }));
      socket.send(JSON.stringify({ type: 'presence', channel: frame.channel, joined: others, left: [] }));
      const news = JSON.stringify({ type: 'presence', channel: frame.channel, joined: [{ peerId }], left: [] });
      for (const member of members.keys()) member.send(news);
      members.set(socket, peerId);
      joined.add(members);
    } else if (frame.type === 'publish') {
      const message = JSON.stringify({ type: 'message', channel: frame.channel, from: peerId, data: frame.data });
      for (const member of members.keys()) if (member !== socket) member.send(message);
    }
  });
  socket.on('close', () => joined.forEach((members) => members.delete(socket)));
});
server.on('listening', () => console.log(`listening on ws://127.0.0.1:${server.address().port}`));
