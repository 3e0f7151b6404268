/* SPDX-License-Identifier: MIT */
/* The published ledger, tests/vectors/ledger-v1.json: each record built from
 * its members gives the published bytes, and the published bytes are read back
 * strictly. Then every byte of them is changed: nothing else may ever pass for
 * the same. */
#include "config.h"

#include "lib/base/codec.h"
#include "lib/record/builder.h"
#include "lib/record/control.h"
#include "lib/record/json.h"

#include "tests/unit/cf_test.h"

#define RECORDS 20

/* One record of the file. Slices point into the document. */
struct vector {
  struct cf_str kind, leaf, payload[CF_C_N];
  uint8_t leaf_hash[CF_HASH_N], prev[CF_HASH_N];
  uint8_t salt[CF_C_N][CF_HASH_N], commitment[CF_C_N][CF_HASH_N];
};

static struct cf_json *file;
static struct vector vectors[RECORDS];

static void get_hash(const struct cf_json *object, const char *name, uint8_t hash[CF_HASH_N])
{
  ck_assert_ok(cf_base64_get_n(cf_json_string(cf_json_member(object, name)), hash, CF_HASH_N));
}

static void get_vector(const struct cf_json *record, const uint8_t prev[CF_HASH_N],
                       struct vector *v)
{
  v->kind = cf_json_string(cf_json_member(record, "kind"));
  v->leaf = cf_json_string(cf_json_member(record, "leaf"));
  get_hash(record, "leaf_hash", v->leaf_hash);
  memcpy(v->prev, prev, CF_HASH_N);
  for (unsigned c = 0; c < CF_C_N; c++) {
    const char *name = cf_compartment_names[c];
    v->payload[c] = cf_json_string(cf_json_member(cf_json_member(record, "payloads"), name));
    if (v->payload[c].n == 0)
      continue;
    get_hash(cf_json_member(record, "salts"), name, v->salt[c]);
    get_hash(cf_json_member(record, "commitments"), name, v->commitment[c]);
  }
}

static void load(void)
{
  uint8_t none[CF_HASH_N] = {0};
  size_t n;
  const char *text = cf_test_vectors("ledger-v1.json", &n);
  ck_assert_ok(cf_json_parse((struct cf_str){text, n}, 16, &file, NULL));
  const struct cf_json *records = cf_json_member(file, "records");
  ck_assert_uint_eq(cf_json_count(records), RECORDS);
  for (size_t i = 0; i < RECORDS; i++)
    get_vector(cf_json_element(records, i), i == 0 ? none : vectors[i - 1].leaf_hash, &vectors[i]);
}

static void unload(void)
{
  cf_json_free(file);
}

/* ---- members to bytes ---- */

static void set_object(struct cf_builder *b, const struct cf_json *value, bool body)
{
  struct cf_buf text;
  cf_buf_init(&text, CF_LEAF_MAX);
  ck_assert_ok(cf_json_put_canonical(&text, value, 8, NULL));
  if (body)
    cf_builder_set_body(b, cf_buf_str(&text));
  else
    cf_builder_set_object(b, cf_buf_str(&text));
  cf_buf_fini(&text);
}

static enum cf_err set_member(void *context, struct cf_str name, const struct cf_json *value)
{
  struct cf_builder *b = context;
  enum cf_member m = cf_member_find(name);
  if (cf_str_is(name, "body") || m == CF_M_ATTRIBUTES)
    set_object(b, value, m != CF_M_ATTRIBUTES);
  else if (m != CF_M_N && cf_json_type(value) == CF_JSON_STRING)
    cf_builder_set(b, m, cf_json_string(value));
  else if (m != CF_M_N && cf_json_type(value) == CF_JSON_INTEGER)
    cf_builder_set(b, m, cf_json_number(value));
  return CF_OK;
}

/* The members of a text, taken as any JSON reader would see them. */
static void set_members(struct cf_builder *b, struct cf_str text)
{
  struct cf_json *doc;
  if (text.n == 0)
    return;
  ck_assert_ok(cf_json_parse(text, 16, &doc, NULL));
  ck_assert_ok(cf_json_each(doc, set_member, b));
  cf_json_free(doc);
}

/* The leaf without its commitments: `resource` is a compartment there and a
 * member of it in the payload. */
static struct cf_str without_commitments(const struct vector *v, char *copy)
{
  static const char *const ends[] = {",\"actor\":\"", ",\"client\":\"", ",\"resource\":\"",
                                     ",\"detail\":\""};
  memcpy(copy, v->leaf.p, v->leaf.n);
  copy[v->leaf.n] = 0;
  for (size_t i = 0; i < CF_COUNT(ends); i++) {
    char *at = strstr(copy, ends[i]);
    if (at != NULL)
      memcpy(at, "}", 2);
  }
  return cf_str_from(copy);
}

static void build(size_t i, struct cf_event *event)
{
  const struct vector *v = &vectors[i];
  struct cf_builder *b;
  struct cf_leaf leaf;
  struct cf_fault fault = {.at = ""};
  char *copy = malloc(v->leaf.n + 1);
  ck_assert_ok(cf_builder_new(cf_kind_find(v->kind), &b));
  set_members(b, without_commitments(v, copy));
  for (unsigned c = 0; c < CF_C_N; c++)
    set_members(b, v->payload[c]);
  enum cf_err err = cf_builder_end(b, event, &fault);
  ck_assert_msg(err == CF_OK, "%zu: %s %s", i, fault.at, fault.detail);
  ck_assert_ok(cf_leaf_parse(v->leaf, &leaf, NULL));
  event->record.seq = i;
  event->record.recorded_us = leaf.recorded_us;
  cf_builder_free(b);
  free(copy);
}

START_TEST(test_built)
{
  const struct vector *v = &vectors[_i];
  struct cf_event event;
  struct cf_buf leaf;
  uint8_t hash[CF_HASH_N];
  build((size_t)_i, &event);
  for (unsigned c = 0; c < CF_C_N; c++) {
    uint8_t commitment[CF_HASH_N];
    ck_assert_bytes(event.record.payload[c].p, event.record.payload[c].n, v->payload[c].p,
                    v->payload[c].n);
    if (v->payload[c].n == 0)
      continue;
    cf_commitment((enum cf_compartment)c, (uint64_t)_i, v->salt[c], v->payload[c], commitment);
    ck_assert_bytes(commitment, CF_HASH_N, v->commitment[c], CF_HASH_N);
  }
  cf_buf_init(&leaf, CF_LEAF_MAX);
  cf_buf_puts(&leaf, "before");
  cf_leaf_put(&event.record, v->prev, v->salt, &leaf, hash);
  ck_assert_bytes(leaf.p + 6, leaf.n - 6, v->leaf.p, v->leaf.n);
  ck_assert_bytes(hash, CF_HASH_N, v->leaf_hash, CF_HASH_N);
  cf_buf_fini(&leaf);
  cf_event_fini(&event);
}
END_TEST

/* Erased: the commitment takes the payload's place, and the leaf stays. */
START_TEST(test_erased)
{
  size_t i = 1;
  const struct vector *v = &vectors[i];
  for (unsigned mask = 0; mask < 16; mask++) {
    struct cf_event event;
    struct cf_buf leaf;
    uint8_t hash[CF_HASH_N], salts[CF_C_N][CF_HASH_N];
    build(i, &event);
    memcpy(salts, v->salt, sizeof salts);
    for (unsigned c = 0; c < CF_C_N; c++) {
      if ((mask >> c & 1) == 0)
        continue;
      event.record.payload[c] = (struct cf_str){NULL, 0};
      event.record.gone[c] = v->commitment[c];
      memset(salts[c], 0, CF_HASH_N);
    }
    cf_buf_init(&leaf, CF_LEAF_MAX);
    cf_leaf_put(&event.record, v->prev, salts, &leaf, hash);
    ck_assert_bytes(leaf.p, leaf.n, v->leaf.p, v->leaf.n);
    ck_assert_bytes(hash, CF_HASH_N, v->leaf_hash, CF_HASH_N);
    cf_buf_fini(&leaf);
    cf_event_fini(&event);
  }
}
END_TEST

/* ---- bytes to members, and what a changed byte does ---- */

/* A leaf that was read gives its own bytes when written again. */
static void check_round_trip(const struct cf_leaf *leaf, struct cf_str text)
{
  struct cf_record r = {.seq = leaf->seq,
                        .recorded_us = leaf->recorded_us,
                        .kind = leaf->kind,
                        .time_us = leaf->time_us,
                        .public_text = leaf->public_text};
  uint8_t salts[CF_C_N][CF_HASH_N] = {{0}}, hash[CF_HASH_N], want[CF_HASH_N];
  struct cf_buf b;
  for (unsigned c = 0; c < CF_C_N; c++)
    if (leaf->present >> c & 1)
      r.gone[c] = leaf->commitment[c];
  cf_buf_init(&b, CF_LEAF_MAX);
  cf_leaf_put(&r, leaf->prev, salts, &b, hash);
  ck_assert_bytes(b.p, b.n, text.p, text.n);
  cf_leaf_hash(text, want);
  ck_assert_bytes(hash, CF_HASH_N, want, CF_HASH_N);
  cf_buf_fini(&b);
}

START_TEST(test_read)
{
  const struct vector *v = &vectors[_i];
  struct cf_leaf leaf;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_leaf_parse(v->leaf, &leaf, &fault);
  ck_assert_msg(err == CF_OK, "%s %s", fault.at, fault.detail);
  ck_assert_uint_eq(leaf.seq, (uint64_t)_i);
  ck_assert_uint_eq(leaf.kind, cf_kind_find(v->kind));
  ck_assert_bytes(leaf.prev, CF_HASH_N, v->prev, CF_HASH_N);
  for (unsigned c = 0; c < CF_C_N; c++) {
    ck_assert_int_eq(leaf.present >> c & 1, v->payload[c].n > 0);
    if (v->payload[c].n == 0)
      continue;
    ck_assert_bytes(leaf.commitment[c], CF_HASH_N, v->commitment[c], CF_HASH_N);
    ck_assert_ok(cf_payload_check((enum cf_compartment)c, v->payload[c], &fault));
  }
  int64_t time_us;
  ck_assert_ok(cf_public_check(leaf.kind, leaf.public_text, &time_us, &fault));
  ck_assert_int_eq(time_us, leaf.time_us);
  check_round_trip(&leaf, v->leaf);
}
END_TEST

static const uint8_t changes[] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff};

/* Every byte of the leaf changed: refused, or it reads as exactly what it says
 * now, whose hash is another. */
START_TEST(test_leaf_tampered)
{
  const struct vector *v = &vectors[_i];
  char *copy = malloc(v->leaf.n);
  size_t passed = 0;
  for (size_t at = 0; at < v->leaf.n; at++) {
    for (size_t k = 0; k < CF_COUNT(changes); k++) {
      struct cf_leaf leaf;
      uint8_t hash[CF_HASH_N];
      struct cf_str text = {copy, v->leaf.n};
      memcpy(copy, v->leaf.p, v->leaf.n);
      copy[at] = (char)((uint8_t)copy[at] ^ changes[k]);
      cf_leaf_hash(text, hash);
      ck_assert(memcmp(hash, v->leaf_hash, CF_HASH_N) != 0);
      if (cf_leaf_parse(text, &leaf, NULL) != CF_OK)
        continue;
      check_round_trip(&leaf, text);
      passed++;
    }
  }
  ck_assert_uint_gt(passed, 0);
  free(copy);
}
END_TEST

START_TEST(test_leaf_cut_and_grown)
{
  const struct vector *v = &vectors[_i];
  struct cf_leaf leaf;
  char *copy = malloc(v->leaf.n + 1);
  for (size_t n = 0; n < v->leaf.n; n++)
    ck_assert_err(cf_leaf_parse((struct cf_str){v->leaf.p, n}, &leaf, NULL), CF_E_SYNTAX);
  for (size_t at = 0; at <= v->leaf.n; at++) {
    memcpy(copy, v->leaf.p, at);
    copy[at] = ' ';
    memcpy(copy + at + 1, v->leaf.p + at, v->leaf.n - at);
    struct cf_str text = {copy, v->leaf.n + 1};
    if (cf_leaf_parse(text, &leaf, NULL) == CF_OK)
      check_round_trip(&leaf, text);
  }
  free(copy);
}
END_TEST

/* A payload that passes comes out of the builder as the same bytes. */
static void check_payload(enum cf_compartment compartment, struct cf_str payload)
{
  struct cf_builder *b;
  struct cf_event event;
  struct cf_fault fault = {.at = ""};
  ck_assert_ok(cf_builder_new(CF_K_EVENT, &b));
  cf_builder_set(b, CF_M_SOURCE, CF_STR("web1"));
  cf_builder_set(b, CF_M_ACTION, CF_STR("test"));
  set_members(b, payload);
  enum cf_err err = cf_builder_end(b, &event, &fault);
  ck_assert_msg(err == CF_OK, "%.*s: %s %s", (int)payload.n, payload.p, fault.at, fault.detail);
  ck_assert_bytes(event.record.payload[compartment].p, event.record.payload[compartment].n,
                  payload.p, payload.n);
  cf_event_fini(&event);
  cf_builder_free(b);
}

static void tamper_payload(const struct vector *v, unsigned c)
{
  struct cf_str payload = v->payload[c];
  char *copy = malloc(payload.n);
  for (size_t at = 0; at < payload.n; at++) {
    for (size_t k = 0; k < CF_COUNT(changes); k++) {
      uint8_t commitment[CF_HASH_N];
      struct cf_str text = {copy, payload.n};
      memcpy(copy, payload.p, payload.n);
      copy[at] = (char)((uint8_t)copy[at] ^ changes[k]);
      cf_commitment((enum cf_compartment)c, (uint64_t)(v - vectors), v->salt[c], text, commitment);
      ck_assert(memcmp(commitment, v->commitment[c], CF_HASH_N) != 0);
      if (cf_payload_check((enum cf_compartment)c, text, NULL) == CF_OK)
        check_payload((enum cf_compartment)c, text);
    }
  }
  for (size_t n = 0; n < payload.n; n++)
    ck_assert_err(cf_payload_check((enum cf_compartment)c, (struct cf_str){payload.p, n}, NULL),
                  CF_E_SYNTAX);
  free(copy);
}

START_TEST(test_payload_tampered)
{
  const struct vector *v = &vectors[_i];
  for (unsigned c = 0; c < CF_C_N; c++) {
    if (v->payload[c].n == 0)
      continue;
    tamper_payload(v, c);
    /* Nor is it any other compartment's. */
    for (unsigned other = 0; other < CF_C_N; other++)
      if (other != c)
        ck_assert_err(cf_payload_check((enum cf_compartment)other, v->payload[c], NULL),
                      CF_E_SYNTAX);
  }
}
END_TEST

/* A ledger that continues another one. */
START_TEST(test_previous)
{
  const struct cf_json *genesis = cf_json_member(file, "genesis_previous");
  struct cf_str text = cf_json_string(cf_json_member(genesis, "leaf"));
  uint8_t hash[CF_HASH_N], want[CF_HASH_N];
  struct cf_leaf leaf;
  struct cf_fault fault = {.at = ""};
  enum cf_err err = cf_leaf_parse(text, &leaf, &fault);
  ck_assert_msg(err == CF_OK, "%s %s", fault.at, fault.detail);
  check_round_trip(&leaf, text);
  cf_leaf_hash(text, hash);
  get_hash(genesis, "leaf_hash", want);
  ck_assert_bytes(hash, CF_HASH_N, want, CF_HASH_N);

  struct cf_json *doc;
  struct cf_event event;
  ck_assert_ok(cf_json_parse(text, 16, &doc, NULL));
  const struct cf_json *body = cf_json_member(doc, "body");
  struct cf_str origin = cf_json_string(cf_json_member(body, "origin"));
  char *name = cf_str_dup(origin);
  ck_assert_ok(cf_control_genesis(cf_json_string(cf_json_member(body, "key")), name,
                                  cf_json_string(cf_json_member(body, "previous")), &event));
  ck_assert_bytes(event.record.public_text.p, event.record.public_text.n, leaf.public_text.p,
                  leaf.public_text.n);
  cf_event_fini(&event);
  cf_json_free(doc);
  free(name);
}
END_TEST

START_TEST(test_bad_targets)
{
  const struct cf_json *bad = cf_json_member(file, "bad_targets");
  ck_assert_uint_eq(cf_json_count(bad), 10);
  for (size_t i = 0; i < cf_json_count(bad); i++) {
    struct cf_buf text;
    int64_t t;
    cf_buf_init(&text, CF_LEAF_MAX);
    cf_buf_puts(&text, "\"source\":\"officer\",\"body\":{\"basis\":\"x\",\"targets\":");
    ck_assert_ok(cf_json_put_canonical(&text, cf_json_element(bad, i), 8, NULL));
    cf_buf_puts(&text, "}");
    ck_assert_err(cf_public_check(CF_K_ERASURE, cf_buf_str(&text), &t, NULL), CF_E_SYNTAX);
    cf_buf_fini(&text);
  }
}
END_TEST

/* Compartment, seq, salt: each is bound into the commitment. */
START_TEST(test_commitment_binds)
{
  const struct vector *v = &vectors[1];
  uint8_t c[CF_HASH_N], salt[CF_HASH_N];
  cf_commitment(CF_C_CLIENT, 1, v->salt[0], v->payload[0], c);
  ck_assert(memcmp(c, v->commitment[0], CF_HASH_N) != 0);
  cf_commitment(CF_C_ACTOR, 2, v->salt[0], v->payload[0], c);
  ck_assert(memcmp(c, v->commitment[0], CF_HASH_N) != 0);
  for (size_t i = 0; i < CF_HASH_N; i++) {
    memcpy(salt, v->salt[0], CF_HASH_N);
    salt[i] ^= 1;
    cf_commitment(CF_C_ACTOR, 1, salt, v->payload[0], c);
    ck_assert(memcmp(c, v->commitment[0], CF_HASH_N) != 0);
  }
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "ledger", .test = test_built, .loops = RECORDS, .setup = load, .teardown = unload},
      {.tcase = "ledger", .test = test_erased},
      {.tcase = "ledger", .test = test_read, .loops = RECORDS},
      {.tcase = "ledger", .test = test_leaf_tampered, .loops = RECORDS},
      {.tcase = "ledger", .test = test_leaf_cut_and_grown, .loops = RECORDS},
      {.tcase = "ledger", .test = test_payload_tampered, .loops = RECORDS},
      {.tcase = "ledger", .test = test_previous},
      {.tcase = "ledger", .test = test_bad_targets},
      {.tcase = "ledger", .test = test_commitment_binds},
  };
  return cf_test_run("vectors", tests, CF_COUNT(tests));
}
