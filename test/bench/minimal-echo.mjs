// The yardstick: an echo node of 15 lines, as a newcomer would write it.
import { createInterface } from 'node:readline';

let nodeId = '';
createInterface({ input: process.stdin }).on('line', (line) => {
  const { src, body } = JSON.parse(line);
  const reply = { in_reply_to: body.msg_id };
  if (body.type === 'init') {
    nodeId = body.node_id;
    reply.type = 'init_ok';
  } else {
    reply.type = 'echo_ok';
    reply.echo = body.echo;
  }
  process.stdout.write(`${JSON.stringify({ src: nodeId, dest: src, body: reply })}\n`);
});
