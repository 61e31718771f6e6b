// The second yardstick: the minimal echo with one write a turn and no checks at all. It tells what this machine makes
// of readline and JSON.
import { createInterface } from 'node:readline';

let nodeId = '';
let output = '';

function flush() {
  process.stdout.write(output);
  output = '';
}

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
  if (output === '') setImmediate(flush);
  output += `${JSON.stringify({ src: nodeId, dest: src, body: reply })}\n`;
});
