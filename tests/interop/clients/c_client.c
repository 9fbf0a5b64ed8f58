/* The official C client (libnats) against a server: c_client MODE URL
 *
 * Modes: basic, auth, refused, reconnect. Prints "ok" at the end of each check; any failure ends it
 * with status 1. */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(const char* name, natsStatus status) {
  if (status != NATS_OK) {
    printf("FAILED %s: %s\n", name, natsStatus_GetText(status));
    nats_PrintLastErrorStack(stdout);
    exit(1);
  }
  printf("ok %s\n", name);
  fflush(stdout);
}

static natsStatus must(int condition) { return condition ? NATS_OK : NATS_ERR; }

static int is(natsMsg* message, const char* text) {
  return message != NULL && natsMsg_GetDataLength(message) == (int)strlen(text) &&
         memcmp(natsMsg_GetData(message), text, strlen(text)) == 0;
}

static void expect(natsSubscription* subscription, const char* name, const char* text) {
  natsMsg* message = NULL;
  check(name, natsSubscription_NextMsg(&message, subscription, 5000));
  check(name, must(is(message, text)));
  natsMsg_Destroy(message);
}

static void messages(natsConnection* nc) {
  natsSubscription* subscriptions[3];
  static const char* const kSubjects[] = {"a.b", "a.*", "a.>"};
  for (int i = 0; i < 3; ++i) {
    check("subscribe", natsConnection_SubscribeSync(&subscriptions[i], nc, kSubjects[i]));
  }
  check("publish", natsConnection_PublishString(nc, "a.b", "hello"));
  for (int i = 0; i < 3; ++i) {
    expect(subscriptions[i], kSubjects[i], "hello");
    natsSubscription_Destroy(subscriptions[i]);
  }
}

static void queues(natsConnection* nc) {
  natsSubscription* members[3];
  for (int i = 0; i < 3; ++i) {
    check("queue", natsConnection_QueueSubscribeSync(&members[i], nc, "work", "workers"));
  }
  for (int i = 0; i < 300; ++i) natsConnection_PublishString(nc, "work", "x");
  check("flush", natsConnection_FlushTimeout(nc, 5000));
  int64_t total = 0;
  for (int i = 0; i < 3; ++i) {
    int64_t count = 0;
    natsSubscription_GetDelivered(members[i], &count);
    uint64_t waiting = 0;
    natsSubscription_QueuedMsgs(members[i], &waiting);
    total += count + (int64_t)waiting;
    check("every member gets some", must(waiting > 0));
    natsSubscription_Destroy(members[i]);
  }
  check("a queue group gets each message once", must(total == 300));
}

static void serve(natsConnection* nc, natsSubscription* subscription, natsMsg* message,
                  void* closure) {
  (void)subscription;
  (void)closure;
  natsConnection_PublishString(nc, natsMsg_GetReply(message), "served");
  natsMsg_Destroy(message);
}

static void requests(natsConnection* nc) {
  natsSubscription* service = NULL;
  check("serve", natsConnection_Subscribe(&service, nc, "service", serve, NULL));
  natsMsg* reply = NULL;
  check("request", natsConnection_RequestString(&reply, nc, "service", "hi", 5000));
  check("its reply", must(is(reply, "served")));
  natsMsg_Destroy(reply);
  reply = NULL;
  const natsStatus status = natsConnection_RequestString(&reply, nc, "nobody", "hi", 5000);
  check("no responders", must(status == NATS_NO_RESPONDERS));
  natsSubscription_Destroy(service);
}

static void headers_and_sizes(natsConnection* nc) {
  natsSubscription* subscription = NULL;
  natsMsg* message = NULL;
  const char* value = NULL;
  check("subscribe", natsConnection_SubscribeSync(&subscription, nc, "h"));
  check("message", natsMsg_Create(&message, "h", NULL, "body", 4));
  check("header", natsMsgHeader_Set(message, "Key", "value"));
  check("publish with headers", natsConnection_PublishMsg(nc, message));
  natsMsg_Destroy(message);
  check("delivery with headers", natsSubscription_NextMsg(&message, subscription, 5000));
  check("the header", natsMsgHeader_Get(message, "Key", &value));
  check("its value", must(strcmp(value, "value") == 0 && is(message, "body")));
  natsMsg_Destroy(message);

  const int64_t limit = natsConnection_GetMaxPayload(nc);
  char* big = calloc(1, (size_t)limit + 1);
  check("the largest payload", natsConnection_Publish(nc, "h", big, (int)limit));
  check("arrives", natsSubscription_NextMsg(&message, subscription, 5000));
  check("whole", must(natsMsg_GetDataLength(message) == limit));
  natsMsg_Destroy(message);
  const natsStatus status = natsConnection_Publish(nc, "h", big, (int)limit + 1);
  check("a larger one is refused", must(status == NATS_MAX_PAYLOAD));
  free(big);
  natsSubscription_Destroy(subscription);
}

static void drain(natsConnection* nc) {
  natsSubscription* subscription = NULL;
  check("subscribe", natsConnection_SubscribeSync(&subscription, nc, "drain"));
  for (int i = 0; i < 100; ++i) natsConnection_PublishString(nc, "drain", "x");
  check("flush", natsConnection_FlushTimeout(nc, 5000));
  check("drain", natsSubscription_Drain(subscription));
  for (int i = 0; i < 100; ++i) {
    natsMsg* message = NULL;
    if (natsSubscription_NextMsg(&message, subscription, 5000) != NATS_OK)
      check("drained", NATS_ERR);
    natsMsg_Destroy(message);
  }
  check("drain delivers what was sent", NATS_OK);
  natsSubscription_Destroy(subscription);
}

static void basic(const char* url) {
  natsConnection* nc = NULL;
  check("connect", natsConnection_ConnectTo(&nc, url));
  messages(nc);
  queues(nc);
  requests(nc);
  headers_and_sizes(nc);
  drain(nc);
  natsConnection_Destroy(nc);
}

static void auth(const char* url) {
  natsConnection* nc = NULL;
  check("connect", natsConnection_ConnectTo(&nc, url));
  check("authenticated", natsConnection_FlushTimeout(nc, 5000));
  natsConnection_Destroy(nc);
}

static void refused(const char* url) {
  natsConnection* nc = NULL;
  check("refused", must(natsConnection_ConnectTo(&nc, url) == NATS_CONNECTION_AUTH_FAILED));
}

static void reconnect(const char* url) {
  natsOptions* options = NULL;
  natsConnection* nc = NULL;
  natsSubscription* subscription = NULL;
  check("options", natsOptions_Create(&options));
  natsOptions_SetURL(options, url);
  natsOptions_SetReconnectWait(options, 50);
  natsOptions_SetMaxReconnect(options, 1000);
  check("connect", natsConnection_Connect(&nc, options));
  check("subscribe", natsConnection_SubscribeSync(&subscription, nc, "after"));
  check("flush", natsConnection_FlushTimeout(nc, 5000));
  printf("ready to be cut\n");
  fflush(stdout);
  natsMsg* message = NULL; /* The test publishes it once the server is there again. */
  check("delivery after the reconnect", natsSubscription_NextMsg(&message, subscription, 30000));
  check("its text", must(is(message, "here again")));
  natsMsg_Destroy(message);
  natsSubscription_Destroy(subscription);
  natsConnection_Destroy(nc);
  natsOptions_Destroy(options);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (strcmp(argv[1], "basic") == 0)
    basic(argv[2]);
  else if (strcmp(argv[1], "auth") == 0)
    auth(argv[2]);
  else if (strcmp(argv[1], "refused") == 0)
    refused(argv[2]);
  else if (strcmp(argv[1], "reconnect") == 0)
    reconnect(argv[2]);
  else
    return 2;
  nats_Close();
  return 0;
}
