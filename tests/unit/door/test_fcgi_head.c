/* SPDX-License-Identifier: MIT */
/* Is the head of a FastCGI request whole? */
#include "config.h"

#include "fcgi-app/door/fcgi_head_in.h"
#include "fcgi-app/door/fcgi_records_in.h"

#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "tests/unit/cf_test.h"

#define BEGIN        "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define OTHER_BEGIN  "\x01\x01\x00\x02\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
#define SHORT_BEGIN  "\x01\x01\x00\x01\x00\x04\x00\x00\x00\x01\x00\x00"
#define PADDED_BEGIN "\x01\x01\x00\x01\x00\x08\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00."
#define PADDED_END   "\x01\x04\x00\x01\x00\x00\x01\x00."
#define PARAMS \
  "\x01\x04\x00\x01\x00\x04\x00\x00\x01\x01" \
  "ab"
#define LONG_PARAMS \
  "\x01\x04\x00\x01\x00\x08\x00\x00\x80\x00\x00\x01\x02" \
  "abc"
/* lengths that lie, cut by a record's end too */
#define LYING_NAME \
  "\x01\x04\x00\x01\x00\x06\x00\x00\xff\xff\xff\xf0\x01" \
  "a"
#define LYING_VALUE \
  "\x01\x04\x00\x01\x00\x03\x00\x00\x01\xff\xff" \
  "\x01\x04\x00\x01\x00\x03\x00\x00\xff\xf0" \
  "a"
#define PARAMS_END "\x01\x04\x00\x01\x00\x00\x00\x00"
#define PADDED \
  "\x01\x04\x00\x01\x00\x04\x03\x00\x01\x01" \
  "ab..."
#define OTHER_PARAMS "\x01\x04\x00\x02\x00\x00\x00\x00"
#define INPUT        "\x01\x05\x00\x01\x00\x01\x00\x00x"
#define ABORT        "\x01\x02\x00\x01\x00\x00\x00\x00"
#define VALUES       "\x01\x09\x00\x00\x00\x02\x00\x00\x00\x00"

#define TEXT(s) \
  { \
    s, sizeof(s) - 1 \
  }

static const struct {
  struct cf_str says;
  enum cf_head head;
} heads[] = {
    {TEXT(""), CF_HEAD_PART},
    {TEXT(BEGIN), CF_HEAD_PART},
    {TEXT(BEGIN PARAMS), CF_HEAD_PART},
    {TEXT(BEGIN PARAMS PARAMS_END), CF_HEAD_WHOLE},
    {TEXT(BEGIN PARAMS_END), CF_HEAD_WHOLE},
    {TEXT(BEGIN LONG_PARAMS PARAMS PARAMS_END), CF_HEAD_WHOLE},
    {TEXT(BEGIN LYING_NAME PARAMS_END), CF_HEAD_BAD},
    {TEXT(BEGIN PARAMS LYING_VALUE PARAMS_END), CF_HEAD_BAD},
    {TEXT(BEGIN PARAMS PADDED PARAMS PARAMS_END), CF_HEAD_WHOLE},
    {TEXT(BEGIN PARAMS PARAMS_END INPUT "anything"), CF_HEAD_WHOLE},
    {TEXT(VALUES), CF_HEAD_BAD},
    {TEXT(BEGIN VALUES), CF_HEAD_BAD},
    {TEXT(BEGIN PARAMS VALUES PARAMS_END), CF_HEAD_BAD},
    {TEXT(BEGIN OTHER_BEGIN), CF_HEAD_BAD},
    {TEXT(BEGIN OTHER_PARAMS), CF_HEAD_BAD},
    {TEXT(PADDED_BEGIN), CF_HEAD_BAD},
    {TEXT(BEGIN PARAMS PADDED_END), CF_HEAD_BAD},
    {TEXT("\x02"), CF_HEAD_BAD},
    {TEXT(BEGIN "\x02"), CF_HEAD_BAD},
    {TEXT("GET / HTTP/1.0\r\n\r\n"), CF_HEAD_BAD},
    {TEXT(PARAMS PARAMS_END), CF_HEAD_BAD},
    {TEXT(SHORT_BEGIN), CF_HEAD_BAD},
    {TEXT(BEGIN BEGIN), CF_HEAD_BAD},
    {TEXT(BEGIN INPUT), CF_HEAD_BAD},
    {TEXT(BEGIN ABORT), CF_HEAD_BAD},
};

START_TEST(test_judge)
{
  struct cf_str says = heads[_i].says;
  ck_assert_int_eq(cf_head_judge((const uint8_t *)says.p, says.n), heads[_i].head);
}
END_TEST

/* However it is cut, it is a part until it is whole. */
START_TEST(test_byte_by_byte)
{
  static const char head[] = BEGIN PARAMS PADDED PARAMS PARAMS_END;
  for (size_t n = 0; n < sizeof head - 1; n++)
    ck_assert_int_eq(cf_head_judge((const uint8_t *)head, n), CF_HEAD_PART);
  ck_assert_int_eq(cf_head_judge((const uint8_t *)head, sizeof head - 1), CF_HEAD_WHOLE);
}
END_TEST

/* What may not come never may, whatever else comes behind it. */
START_TEST(test_refused_for_good)
{
  struct cf_str says = heads[_i].says;
  struct cf_records r = {0};
  size_t n = cf_records_pass(&r, (const uint8_t *)says.p, says.n);
  if (n == says.n)
    return;
  for (int again = 0; again < 3; again++)
    ck_assert_uint_eq(cf_records_pass(&r, (const uint8_t *)BEGIN, sizeof BEGIN - 1), 0);
}
END_TEST

/* A head of BEGIN_REQUEST, parameters of n bytes in records of `piece`, and
 * their end. */
static size_t make(uint8_t *out, size_t n, size_t piece)
{
  size_t at = sizeof BEGIN - 1;
  memcpy(out, BEGIN, at);
  while (n > 0) {
    size_t part = n < piece ? n : piece;
    const uint8_t header[8] = {1, 4, 0, 1, (uint8_t)(part >> 8), (uint8_t)part, 0, 0};
    memcpy(out + at, header, sizeof header);
    memset(out + at + sizeof header, 0, part);
    at += sizeof header + part;
    n -= part;
  }
  memcpy(out + at, PARAMS_END, sizeof PARAMS_END - 1);
  return at + sizeof PARAMS_END - 1;
}

static const struct {
  size_t n, piece;
  enum cf_head head;
} lengths[] = {
    {1, 1, CF_HEAD_WHOLE},
    {1000, 1, CF_HEAD_WHOLE},
    {8170, 8170, CF_HEAD_WHOLE},
    {20000, 8192, CF_HEAD_WHOLE},
    {65000, 65000, CF_HEAD_WHOLE},
    {CF_HEAD_MAX - 32, 65535, CF_HEAD_WHOLE},
    {CF_HEAD_MAX - 24, 65535, CF_HEAD_LONG},
    {70000, 8192, CF_HEAD_LONG},
    {8000, 1, CF_HEAD_LONG},
};

START_TEST(test_length)
{
  static uint8_t head[200000];
  size_t n = make(head, lengths[_i].n, lengths[_i].piece);
  ck_assert_int_eq(cf_head_judge(head, n), lengths[_i].head);
}
END_TEST

/* What is looked at stays in the socket. */
START_TEST(test_peek)
{
  static uint8_t head[200000];
  int pair[2];
  bool any = true;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  ck_assert_int_eq(cf_head_peek(pair[0], &any), CF_HEAD_PART);
  ck_assert(!any);
  size_t n = make(head, lengths[_i].n, lengths[_i].piece);
  ck_assert_int_eq(write(pair[1], head, 100 < n ? 10 : 1), 100 < n ? 10 : 1);
  ck_assert_int_eq(cf_head_peek(pair[0], &any), CF_HEAD_PART);
  ck_assert(any);
  size_t sent = 100 < n ? 10 : 1;
  ck_assert_int_eq(write(pair[1], head + sent, n - sent), (ssize_t)(n - sent));
  for (int again = 0; again < 2; again++)
    ck_assert_int_eq(cf_head_peek(pair[0], &any), lengths[_i].head);
  close(pair[1]);
  close(pair[0]);
}
END_TEST

START_TEST(test_peek_closed)
{
  int pair[2];
  bool any;
  ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  close(pair[1]);
  ck_assert_int_eq(cf_head_peek(pair[0], &any), CF_HEAD_BAD);
  close(pair[0]);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "head", .test = test_judge, .loops = CF_COUNT(heads)},
      {.tcase = "head", .test = test_refused_for_good, .loops = CF_COUNT(heads)},
      {.tcase = "head", .test = test_byte_by_byte},
      {.tcase = "head", .test = test_length, .loops = CF_COUNT(lengths)},
      {.tcase = "head", .test = test_peek, .loops = CF_COUNT(lengths)},
      {.tcase = "head", .test = test_peek_closed},
  };
  return cf_test_run("fcgi_head", tests, CF_COUNT(tests));
}
