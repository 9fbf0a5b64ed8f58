// The official JavaScript client over WebSocket, in Node and in a browser: publish, subscribe,
// request, a large message, what the server refuses. `run` reports by `say` and throws when
// something is wrong.
import { wsconnect } from "@nats-io/nats-core";

const text = (bytes) => new TextDecoder().decode(bytes);

function check(name, condition, say) {
  if (!condition) throw new Error(`${name}: failed`);
  say(`ok ${name}`);
}

async function next(subscription) {
  for await (const message of subscription) return message;
  throw new Error("the subscription ended");
}

async function basic(options, say) {
  const nc = await wsconnect(options);
  const sub = nc.subscribe("a.*", { max: 1 });
  nc.publish("a.b", "hello");
  check("publish and subscribe", text((await next(sub)).data) === "hello", say);
  nc.subscribe("double", {
    callback: (_error, message) => message.respond(text(message.data).repeat(2)),
  });
  check("request", text((await nc.request("double", "ab")).data) === "abab", say);
  const large = new Uint8Array(500000).map((_, i) => i % 251);
  const sub2 = nc.subscribe("large", { max: 1 });
  nc.publish("large", large);
  const got = (await next(sub2)).data;
  check("a large message", got.length === large.length && got.every((b, i) => b === i % 251), say);
  const many = nc.subscribe("many", { max: 1000 });
  for (let i = 0; i < 1000; ++i) nc.publish("many", `{"n":${i},"text":"the same every time"}`);
  let count = 0;
  for await (const message of many) check.last = message.json().n === count++ || fail(count);
  check("a thousand small ones, in order", count === 1000, say);
  let missing;
  await nc.request("nobody", "", { timeout: 2000 }).catch((error) => (missing = error));
  check("no responders", /no responders/i.test(String(missing)), say);
  await nc.drain();
}

function fail(at) {
  throw new Error(`out of order at ${at}`);
}

async function refused(options, say) {
  let error;
  await wsconnect({ ...options, reconnect: false }).then(
    (nc) => nc.close(),
    (why) => (error = why),
  );
  check("refused", error !== undefined, say);
  say(`why ${error}`);
}

export async function run(mode, options, say) {
  await (mode === "refused" ? refused : basic)(options, say);
}
