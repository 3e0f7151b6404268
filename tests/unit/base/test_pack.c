/* SPDX-License-Identifier: MIT */
/* zstd: what was packed comes back; damage, lies about size and bombs are
 * refused. */
#include "config.h"

#include "lib/base/pack.h"

#include <pthread.h>

#include "tests/unit/cf_test.h"

#define S(text) \
  { \
    text, sizeof(text) - 1 \
  }
#define ROOM (4 << 20)

static struct cf_buf packed, plain;

static void open_bufs(void)
{
  cf_buf_init(&packed, ROOM);
  cf_buf_init(&plain, ROOM);
}

static void close_bufs(void)
{
  cf_buf_fini(&packed);
  cf_buf_fini(&plain);
}

/* n bytes of repeating text or, odd, of noise that zstd cannot shorten. */
static void fill(struct cf_buf *b, size_t n, bool noise)
{
  uint32_t seed = 1;

  for (size_t i = 0; i < n; i++) {
    seed = seed * 1664525 + 1013904223;
    cf_buf_putc(b, noise ? (char)(seed >> 24) : "{\"user\":\"alice\"},"[i % 17]);
  }
}

static const size_t sizes[] = {0, 1, 2, 100, 4095, 30000, 131072, 131073, 2000000};

START_TEST(test_round)
{
  struct cf_buf source;

  cf_buf_init(&source, ROOM);
  fill(&source, sizes[_i / 2], _i % 2 == 1);
  cf_buf_puts(&packed, "before");
  cf_buf_puts(&plain, "kept");
  ck_assert_ok(cf_pack(source.p, source.n, &packed));
  ck_assert_bytes(packed.p, 6, "before", 6);
  ck_assert_ok(cf_unpack(packed.p + 6, packed.n - 6, &plain));
  ck_assert_bytes(plain.p + 4, plain.n - 4, source.p, source.n);
  if (sizes[_i / 2] > 1000 && _i % 2 == 0)
    ck_assert_uint_lt(packed.n, source.n / 10);
  cf_buf_fini(&source);
}
END_TEST

/* A flipped bit is found, or was one that says nothing. */
START_TEST(test_flip)
{
  struct cf_buf source, again;
  size_t found = 0;

  cf_buf_init(&source, 1000);
  cf_buf_init(&again, 1000);
  fill(&source, 300, false);
  cf_buf_puts(&source, "and something that is not in it");
  ck_assert_ok(cf_pack(source.p, source.n, &packed));
  for (size_t bit = 0; bit < 8 * packed.n; bit++) {
    cf_buf_reset(&again);
    packed.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    enum cf_err err = cf_unpack(packed.p, packed.n, &again);
    packed.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    if (err == CF_OK)
      ck_assert_bytes(again.p, again.n, source.p, source.n);
    else
      ck_assert_uint_eq(again.n, 0);
    found += err != CF_OK;
  }
  ck_assert_uint_ge(found, 8 * packed.n - 8);
  cf_buf_fini(&source);
  cf_buf_fini(&again);
}
END_TEST

START_TEST(test_cut)
{
  ck_assert_ok(cf_pack("some text", 9, &packed));
  for (size_t n = 0; n < packed.n; n++) {
    ck_assert_err(cf_unpack(packed.p, n, &plain), CF_E_SYNTAX);
    ck_assert_uint_eq(plain.n, 0);
  }
}
END_TEST

/* Frames made by hand (RFC 8878, 3.1.1). */
#define MAGIC "\x28\xb5\x2f\xfd"
#define ABC \
  "\x19\x00\x00" \
  "abc"
static const struct {
  struct cf_str frame;
  enum cf_err whole;  /* of cf_unpack */
  enum cf_err stream; /* of the unpacker */
} frames[] = {
    {S(MAGIC "\x20\x03" ABC), CF_OK, CF_OK},
    {S(MAGIC "\x00\x00" ABC), CF_E_SYNTAX, CF_OK},                      /* no size */
    {S(MAGIC "\x00\x68" ABC), CF_E_SYNTAX, CF_OK},                      /* a window of 8 MiB */
    {S(MAGIC "\x00\x70" ABC), CF_E_SYNTAX, CF_E_SYNTAX},                /* of 16 MiB */
    {S(MAGIC "\x20\x04" ABC), CF_E_SYNTAX, CF_E_SYNTAX},                /* more promised */
    {S(MAGIC "\x20\x02" ABC), CF_E_SYNTAX, CF_E_SYNTAX},                /* less promised */
    {S(MAGIC "\xa0\xff\xff\xff\x7f" ABC), CF_E_FULL, CF_E_SYNTAX},      /* 2 GiB promised */
    {S(MAGIC "\x20\x03" ABC MAGIC "\x20\x03" ABC), CF_E_SYNTAX, CF_OK}, /* two frames */
    {S(MAGIC "\x20\x03" ABC "\x28"), CF_E_SYNTAX, CF_OK}, /* and a first byte of another */
    {S(MAGIC "\x20\x03" ABC "x"), CF_E_SYNTAX, CF_E_SYNTAX},
    /* one behind the frame */
    {S(MAGIC "\x20\x03" ABC "\x50\x2a\x4d\x18\x00\x00\x00\x00"), CF_E_SYNTAX, CF_OK},
    {S("\x50\x2a\x4d\x18\x00\x00\x00\x00"), CF_E_SYNTAX, CF_OK}, /* a skippable frame */
    {S("not zstd at all"), CF_E_SYNTAX, CF_E_SYNTAX},
};

START_TEST(test_frame)
{
  struct cf_str frame = frames[_i].frame;

  ck_assert_err(cf_unpack(frame.p, frame.n, &plain), frames[_i].whole);
  ck_assert_uint_eq(plain.n, frames[_i].whole == CF_OK ? 3 : 0);
}
END_TEST

START_TEST(test_frame_stream)
{
  struct cf_str frame = frames[_i].frame;
  struct cf_unpacker *u;
  enum cf_err err = CF_OK;

  ck_assert_ok(cf_unpacker_new(&u));
  ck_assert(!cf_unpacker_done(u));
  for (size_t i = 0; i < frame.n && err == CF_OK; i++)
    err = cf_unpacker_feed(u, frame.p + i, 1, &plain);
  ck_assert_err(err, frames[_i].stream);
  if (err != CF_OK) {
    ck_assert(!cf_unpacker_done(u));
    ck_assert_err(cf_unpacker_feed(u, MAGIC, 4, &plain), err);
  } else {
    ck_assert_int_eq(cf_unpacker_done(u), frame.p[frame.n - 1] != 0x28);
  }
  cf_unpacker_free(u);
}
END_TEST

/* The stream gives the same bytes in whatever pieces it comes, is done at each
 * frame's end and nowhere else. */
START_TEST(test_stream)
{
  static const size_t pieces[] = {1, 7, 1000, ROOM};
  struct cf_buf source;
  struct cf_unpacker *u;

  cf_buf_init(&source, ROOM);
  fill(&source, 300000, false);
  fill(&source, 50000, true);
  ck_assert_ok(cf_pack(source.p, source.n, &packed));
  ck_assert_ok(cf_unpacker_new(&u));
  for (size_t at = 0; at < packed.n;) {
    size_t n = packed.n - at < pieces[_i] ? packed.n - at : pieces[_i];
    ck_assert_ok(cf_unpacker_feed(u, packed.p + at, n, &plain));
    at += n;
    ck_assert_int_eq(cf_unpacker_done(u), at == packed.n);
  }
  ck_assert_ok(cf_unpacker_feed(u, NULL, 0, &plain));
  ck_assert(cf_unpacker_done(u));
  ck_assert_bytes(plain.p, plain.n, source.p, source.n);
  cf_unpacker_free(u);
  cf_unpacker_free(NULL);
  cf_buf_fini(&source);
}
END_TEST

/* At the maximum a body of exactly that size passes and one byte more does
 * not. */
START_TEST(test_bomb)
{
  static const size_t maxima[] = {0, 1, 1000, 131072, 262144, 299999, 300000, 300001};
  struct cf_buf source, small;
  struct cf_unpacker *u;

  cf_buf_init(&source, ROOM);
  cf_buf_init(&small, maxima[_i]);
  fill(&source, 300000, false);
  ck_assert_ok(cf_pack(source.p, source.n, &packed));
  ck_assert_ok(cf_unpacker_new(&u));
  enum cf_err want = maxima[_i] < source.n ? CF_E_FULL : CF_OK;
  ck_assert_err(cf_unpacker_feed(u, packed.p, packed.n, &small), want);
  ck_assert_err(small.err, want);
  ck_assert_int_eq(cf_unpacker_done(u), want == CF_OK);
  cf_buf_reset(&small);
  ck_assert_err(cf_unpack(packed.p, packed.n, &small), want);
  cf_unpacker_free(u);
  cf_buf_fini(&source);
  cf_buf_fini(&small);
}
END_TEST

START_TEST(test_pack_full)
{
  struct cf_buf small;

  fill(&plain, 1000, true);
  for (size_t max = 0; max < 1100; max += 50) {
    cf_buf_init(&small, max);
    enum cf_err err = cf_pack(plain.p, plain.n, &small);
    ck_assert_err(err, max < 1000 ? CF_E_FULL : small.err);
    ck_assert_err(small.err, err);
    ck_assert_int_eq(small.n > 0, err == CF_OK);
    cf_buf_fini(&small);
  }
}
END_TEST

static void *work(void *p)
{
  struct cf_buf a, b;
  bool good = true;

  cf_buf_init(&a, 1000);
  cf_buf_init(&b, 1000);
  for (int i = 0; i < 500; i++) {
    cf_buf_reset(&a);
    cf_buf_reset(&b);
    good = good && cf_pack(p, 26, &a) == CF_OK && cf_unpack(a.p, a.n, &b) == CF_OK && b.n == 26 &&
           memcmp(b.p, p, 26) == 0;
  }
  cf_buf_fini(&a);
  cf_buf_fini(&b);
  return good ? p : NULL;
}

START_TEST(test_threads)
{
  pthread_t threads[4];
  char texts[4][27];

  for (size_t i = 0; i < CF_COUNT(threads); i++) {
    memset(texts[i], (int)('a' + i), 26);
    ck_assert_int_eq(pthread_create(&threads[i], NULL, work, texts[i]), 0);
  }
  for (size_t i = 0; i < CF_COUNT(threads); i++) {
    void *result;
    ck_assert_int_eq(pthread_join(threads[i], &result), 0);
    ck_assert_ptr_nonnull(result);
  }
}
END_TEST

/* ---- dictionaries ---- */

/* Many short texts that are much like each other. */
static size_t line_put(struct cf_buf *b, unsigned i)
{
  size_t before = b->n;

  cf_buf_putf(b, "\"method\":\"GET\",\"status\":%u,\"outcome\":\"success\",\"path\":\"/%u/%u\"",
              200 + i % 7, i % 13, i * 7919 % 1000);
  return b->n - before;
}

#define LINES 200

static void dictionary_make(struct cf_buf *words)
{
  struct cf_buf lines;
  size_t lengths[LINES];

  cf_buf_init(&lines, 1 << 20);
  cf_buf_init(words, 1 << 20);
  for (unsigned i = 0; i < LINES; i++)
    lengths[i] = line_put(&lines, i);
  ck_assert_ok(
      cf_dictionary_make(cf_buf_str(&lines), cf_buf_str(&lines), lengths, LINES, 4096, words));
  cf_buf_fini(&lines);
}

/* 0: with a dictionary, 1: with an empty one. */
START_TEST(test_dictionary)
{
  struct cf_dictionary *d = NULL;
  struct cf_packer *packer = NULL;
  struct cf_buf words, frame, text, line;

  dictionary_make(&words);
  ck_assert(words.n > 256 && words.n <= 4096);
  if (_i == 1)
    cf_buf_reset(&words);
  ck_assert_ok(cf_packer_new(cf_buf_str(&words), &packer));
  ck_assert_ok(cf_dictionary_new(cf_buf_str(&words), &d));
  cf_buf_init(&frame, 1 << 20);
  cf_buf_init(&text, 1 << 20);
  cf_buf_init(&line, 1 << 20);
  for (unsigned i = 0; i < 3; i++) {
    cf_buf_reset(&line);
    cf_buf_reset(&frame);
    cf_buf_reset(&text);
    line_put(&line, 1000 + i);
    ck_assert_ok(cf_packer_pack(packer, line.p, line.n, &frame));
    ck_assert(_i == 1 || frame.n < line.n / 2);
    ck_assert_ok(cf_dictionary_unpack(d, frame.p, frame.n, &text));
    ck_assert_bytes(text.p, text.n, line.p, line.n);
  }
  for (size_t n = 0; n < frame.n; n++)
    ck_assert_err(cf_dictionary_unpack(d, frame.p, n, &text), CF_E_SYNTAX);
  enum cf_err without = cf_unpack(frame.p, frame.n, &text);
  ck_assert(_i == 1 ? without == CF_OK : without == CF_E_SYNTAX);
  cf_packer_free(packer);
  cf_dictionary_free(d);
  cf_buf_fini(&words);
  cf_buf_fini(&frame);
  cf_buf_fini(&text);
  cf_buf_fini(&line);
}
END_TEST

/* What is damaged is refused, or a dictionary that unpacks something else or
 * nothing: no byte of it leads astray. */
START_TEST(test_dictionary_damaged)
{
  struct cf_packer *packer = NULL;
  struct cf_buf words, frame, text, line;
  unsigned refused = 0;

  dictionary_make(&words);
  ck_assert_ok(cf_packer_new(cf_buf_str(&words), &packer));
  cf_buf_init(&frame, 1 << 20);
  cf_buf_init(&text, 1 << 16);
  cf_buf_init(&line, 1 << 20);
  line_put(&line, 1234);
  ck_assert_ok(cf_packer_pack(packer, line.p, line.n, &frame));
  for (size_t at = 0; at < words.n; at += at < 300 ? 1 : 37) {
    struct cf_dictionary *d = NULL;
    words.p[at] ^= 0x5a;
    enum cf_err err = cf_dictionary_new(cf_buf_str(&words), &d);
    words.p[at] ^= 0x5a;
    refused += err != CF_OK;
    if (err != CF_OK) {
      ck_assert_err(err, CF_E_SYNTAX);
      continue;
    }
    cf_buf_reset(&text);
    err = cf_dictionary_unpack(d, frame.p, frame.n, &text);
    ck_assert(err == CF_OK || err == CF_E_SYNTAX);
    cf_dictionary_free(d);
  }
  ck_assert_uint_gt(refused, 5);
  cf_packer_free(packer);
  cf_buf_fini(&words);
  cf_buf_fini(&frame);
  cf_buf_fini(&text);
  cf_buf_fini(&line);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "pack",
       .setup = open_bufs,
       .teardown = close_bufs,
       .test = test_round,
       .loops = 2 * CF_COUNT(sizes)},
      {.tcase = "pack", .test = test_flip},
      {.tcase = "pack", .test = test_cut},
      {.tcase = "pack", .test = test_frame, .loops = CF_COUNT(frames)},
      {.tcase = "pack", .test = test_frame_stream, .loops = CF_COUNT(frames)},
      {.tcase = "pack", .test = test_stream, .loops = 4},
      {.tcase = "pack", .test = test_bomb, .loops = 8},
      {.tcase = "pack", .test = test_pack_full},
      {.tcase = "pack", .test = test_threads},
      {.tcase = "dictionary", .test = test_dictionary, .loops = 2},
      {.tcase = "dictionary", .test = test_dictionary_damaged},
  };
  return cf_test_run("pack", tests, CF_COUNT(tests));
}
