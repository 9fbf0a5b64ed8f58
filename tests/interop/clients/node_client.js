// The official Node client against a server: node_client.js MODE URL
//
// Modes: basic, auth (credentials in USER and PASS, or TOKEN), refused, reconnect. Prints "ok" at the end of
// each check; any failure ends it with status 1.
const { connect, headers, ErrorCode, Events, StringCodec } = require("nats");

const [mode, servers] = process.argv.slice(2);
const text = StringCodec();

function check(name, condition, detail) {
  if (!condition) throw new Error(`${name}: ${detail ?? "failed"}`);
  console.log(`ok ${name}`);
}

async function next(subscription) {
  for await (const message of subscription) return message;
  throw new Error("the subscription ended");
}

async function rejects(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("should have failed");
}

async function messages(nc) {
  const plain = nc.subscribe("a.b", { max: 1 });
  const star = nc.subscribe("a.*", { max: 1 });
  const rest = nc.subscribe("a.>", { max: 1 });
  const other = nc.subscribe("b.>");
  nc.publish("a.b", text.encode("hello"));
  for (const subscription of [plain, star, rest]) {
    check(`delivery to ${subscription.getSubject()}`, text.decode((await next(subscription)).data) === "hello");
  }
  await nc.flush();
  check("no delivery elsewhere", other.getReceived() === 0);
  other.unsubscribe();
}

async function queues(nc) {
  const members = [1, 2, 3].map(() => nc.subscribe("work", { queue: "workers" }));
  for (let i = 0; i < 300; ++i) nc.publish("work", text.encode(String(i)));
  await nc.flush();
  const counts = members.map((member) => member.getReceived());
  check("a queue group gets each message once", counts.reduce((a, b) => a + b) === 300, counts);
  check("every member gets some", counts.every((count) => count > 0), counts);
  members.forEach((member) => member.unsubscribe());
}

async function requests(nc) {
  const service = nc.subscribe("service", {
    callback: (_, message) => message.respond(text.encode("re: " + text.decode(message.data))),
  });
  const reply = await nc.request("service", text.encode("hi"), { timeout: 5000 });
  check("request", text.decode(reply.data) === "re: hi");
  const lone = await nc.request("service", text.encode("lone"), { timeout: 5000, noMux: true, reply: "own.reply" });
  check("request with an own reply subject", text.decode(lone.data) === "re: lone");
  const error = await rejects(nc.request("nobody", undefined, { timeout: 5000 }));
  check("no responders", error.code === ErrorCode.NoResponders, error);
  service.unsubscribe();
}

async function headersAndSizes(nc) {
  const subscription = nc.subscribe("h");
  const set = headers();
  set.append("Key", "one");
  set.append("Key", "two");
  nc.publish("h", text.encode("body"), { headers: set });
  const message = await next(subscription);
  check("headers", message.headers.values("Key").join() === "one,two" && text.decode(message.data) === "body");
  const limit = nc.info.max_payload;
  check("a limit is announced", limit >= 1024);
  const big = nc.subscribe("big", { max: 1 });
  nc.publish("big", new Uint8Array(limit));
  check("the largest payload", (await next(big)).data.length === limit);
  const error = await rejects((async () => nc.publish("big", new Uint8Array(limit + 1)))());
  check("a larger one is refused", error.code === ErrorCode.MaxPayloadExceeded, error);
}

async function basic() {
  const nc = await connect({ servers });
  await messages(nc);
  await queues(nc);
  await requests(nc);
  await headersAndSizes(nc);
  check("round trip", (await nc.rtt()) >= 0);
  const draining = nc.subscribe("drain");
  let seen = 0;
  const all = (async () => { for await (const _ of draining) ++seen; })();
  for (let i = 0; i < 100; ++i) nc.publish("drain");
  await nc.drain();
  await all;
  check("drain delivers what was sent", seen === 100, seen);
}

async function auth() {
  const { USER: user, PASS: pass, TOKEN: token } = process.env;
  const nc = await connect({ servers, user, pass, token });
  await nc.flush();
  check("authenticated", true);
  await nc.close();
}

async function refused() {
  const error = await rejects(connect({ servers, user: "nobody", pass: "wrong", reconnect: false }));
  check("refused", error.code === ErrorCode.AuthorizationViolation, error);
}

async function reconnect() {
  const nc = await connect({ servers, reconnectTimeWait: 50, maxReconnectAttempts: -1 });
  const subscription = nc.subscribe("after");
  await nc.flush();
  console.log("ready to be cut");
  for await (const status of nc.status()) if (status.type === Events.Reconnect) break;
  nc.publish("after", text.encode("here again"));
  check("reconnect", text.decode((await next(subscription)).data) === "here again");
  await nc.close();
}

({ basic, auth, refused, reconnect })[mode]().then(
  () => process.exit(0),
  (error) => {
    console.log("FAILED", error);
    process.exit(1);
  },
);
