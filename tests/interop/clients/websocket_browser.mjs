// A page that runs clients/websocket_client.mjs as its address says, and tells the server that it
// came from.
import { run } from "./websocket_client.mjs";

const query = new URLSearchParams(location.search);
const lines = [];
const tell = (verdict) =>
  fetch("/result", { method: "POST", body: [verdict, ...lines].join("\n") });

run(query.get("mode"), JSON.parse(query.get("options")), (line) => lines.push(line)).then(
  () => tell("passed"),
  (error) => tell(`failed: ${error.stack}`),
);
