// websocket_node.mjs MODE URL [JSON of further options]: clients/websocket_client.mjs in Node.
import { run } from "./websocket_client.mjs";

const [mode, servers, more] = process.argv.slice(2);
try {
  await run(mode, { servers, ...JSON.parse(more ?? "{}") }, console.log);
  process.exit(0);
} catch (error) {
  console.log(String(error.stack));
  process.exit(1);
}
