/* SPDX-License-Identifier: MIT */
/* The stage of the test_app_* programs. */
#include "config.h"

#include "tests/unit/routes/app_roles.h"

struct cf_app *stage_app;
struct cf_memory stage_answer;
bool stage_abandoned;
bool stage_crowded;
void (*stage_conf_set)(void);
void (*stage_begun)(void);
const char *writer, *reader, *auditor, *admin;

static struct cf_json *doc;
static char *body_text;
static char header_text[4096];
static char value_text[8][70000];
static unsigned value_turn;
static char token_texts[32][128];
static size_t tokens_n;

/* ---- the application ---- */

static void open_all(void)
{
  struct cf_fault fault = {{0}, {0}};
  stage_open_ledger();
  enum cf_err err = cf_app_new(&stage_conf, stage_ledger, &stage_app, &fault);
  ck_assert_msg(err == CF_OK, "%s: %s: %s", cf_err_word(err), fault.at, fault.detail);
}

void stage_close(void)
{
  cf_app_free(stage_app);
  stage_app = NULL;
  stage_close_ledger();
}

static void set_app(void)
{
  char path[400];
  const char *tree = getenv("CF_SRCDIR");
  snprintf(path, sizeof path, "%s/www", tree != NULL ? tree : ".");
  char *www = realpath(path, NULL);
  ck_assert_msg(www != NULL, "no %s: CF_SRCDIR names the source tree", path);
  stage_set("www", www);
  free(www);
  if (stage_conf_set != NULL)
    stage_conf_set();
  stage_conf_set = NULL;
}

void stage_setup(void)
{
  stage_configure("app", set_app);
  stage_init_ledger();
  cf_memory_init(&stage_answer, CF_DOOR_WEB);
  tokens_n = 0;
  open_all();
}

void stage_setup_roles(void)
{
  stage_setup();
  writer = make_token("web1", "[\"writer\"]", "");
  reader = make_token("ron", "[\"reader\"]", "");
  auditor = make_token("eve", "[\"auditor\"]", "");
  admin = make_token("root", "[\"admin\"]", "");
}

size_t trail(const char *more)
{
  char path[400];
  snprintf(path, sizeof path, "/v1/events?kind=access&order=asc&user.not=admin&action.not=watch%s",
           more);
  ck_answer(ask((struct ask){.path = path, .door = CF_DOOR_ADMIN}), 200);
  return cf_json_count(member("events"));
}

long long count(const char *query)
{
  char path[256];
  snprintf(path, sizeof path, "/v1/events?limit=1000&%s", query);
  ck_answer(get(path, auditor), 200);
  ck_value("has_more", "false");
  long long n = 0;
  for (char at[32]; snprintf(at, sizeof at, "events.%lld", n) > 0 && member(at) != NULL;)
    n++;
  return n;
}

void stage_reopen(void)
{
  stage_close();
  open_all();
}

static void forget_answer(void)
{
  cf_memory_fini(&stage_answer);
  cf_json_free(doc);
  free(body_text);
  doc = NULL;
  body_text = NULL;
}

void stage_teardown(void)
{
  stage_close();
  forget_answer();
  stage_clear();
}

/* ---- asking ---- */

static void param(const char *name, const char *text)
{
  if (text != NULL)
    ck_assert_ok(cf_memory_param(&stage_answer, name, text));
}

static void path_params(const char *path)
{
  char info[8192];
  const char *mark = strchr(path, '?');
  size_t n = mark == NULL ? strlen(path) : (size_t)(mark - path);
  ck_assert_uint_lt(n, sizeof info);
  memcpy(info, path, n);
  info[n] = '\0';
  param("SCRIPT_NAME", "/audit");
  param("PATH_INFO", info);
  param("QUERY_STRING", mark == NULL ? "" : mark + 1);
}

static void note_abandoned(void *context)
{
  (void)context;
  stage_abandoned = true;
}

static bool tell_crowded(void *context)
{
  (void)context;
  return stage_crowded;
}

static enum cf_err (*memory_write)(void *context, const void *p, size_t n);

static enum cf_err write_noted(void *context, const void *p, size_t n)
{
  void (*begun)(void) = stage_begun;
  stage_begun = NULL;
  if (begun != NULL)
    begun();
  return memory_write(context, p, n);
}

int ask(struct ask ask)
{
  char bearer[256];
  forget_answer();
  cf_memory_init(&stage_answer, ask.door);
  stage_answer.transport.abandon = note_abandoned;
  stage_answer.transport.crowded = tell_crowded;
  memory_write = stage_answer.transport.write;
  stage_answer.transport.write = write_noted;
  stage_abandoned = false;
  param("REQUEST_METHOD", ask.method != NULL ? ask.method : "GET");
  path_params(ask.path);
  param("REMOTE_ADDR", "192.0.2.7");
  param("HTTP_HOST", "audit.example.org");
  param("CONTENT_TYPE", ask.type);
  if (ask.token != NULL) {
    snprintf(bearer, sizeof bearer, "Bearer %s", ask.token);
    param("HTTP_AUTHORIZATION", bearer);
  }
  for (size_t i = 0; ask.vars[i] != NULL; i += 2)
    param(ask.vars[i], ask.vars[i + 1]);
  if (ask.body != NULL)
    cf_memory_body(&stage_answer,
                   (struct cf_str){ask.body, ask.body_n > 0 ? ask.body_n : strlen(ask.body)});
  cf_app_serve(stage_app, &stage_answer.transport);
  return cf_memory_status(&stage_answer);
}

int get(const char *path, const char *token)
{
  return ask((struct ask){.path = path, .token = token});
}

int post(const char *path, const char *token, const char *body)
{
  return ask((struct ask){.method = "POST", .path = path, .token = token, .body = body});
}

/* ---- looking at the answer ---- */

const char *content(void)
{
  if (body_text == NULL)
    body_text = cf_str_dup(cf_memory_content(&stage_answer));
  return body_text;
}

const char *header(const char *name)
{
  struct cf_str found = cf_memory_header(&stage_answer, name);
  snprintf(header_text, sizeof header_text, "%.*s", (int)found.n, found.n > 0 ? found.p : "");
  return header_text;
}

static const struct cf_json *step(const struct cf_json *at, struct cf_str name)
{
  char text[80];
  snprintf(text, sizeof text, "%.*s", (int)name.n, name.p);
  return cf_json_type(at) == CF_JSON_ARRAY ? cf_json_element(at, strtoul(text, NULL, 10))
                                           : cf_json_member(at, text);
}

const struct cf_json *member(const char *path)
{
  struct cf_fault fault = {{0}, {0}};
  struct cf_str left = cf_str_from(path);
  if (doc == NULL) {
    enum cf_err err = cf_json_parse(cf_memory_content(&stage_answer), 16, &doc, &fault);
    ck_assert_msg(err == CF_OK, "no JSON: %s: %s", fault.detail, content());
  }
  const struct cf_json *at = doc;
  while (left.n > 0 && at != NULL)
    at = step(at, cf_str_cut(&left, '.'));
  return at;
}

const char *value(const char *path)
{
  const struct cf_json *v = member(path);
  char *out = value_text[value_turn++ % 8];
  struct cf_str text = cf_json_type(v) == CF_JSON_STRING ? cf_json_string(v) : cf_json_number(v);
  snprintf(out, sizeof value_text[0], "%.*s", (int)text.n, text.n > 0 ? text.p : "");
  if (cf_json_type(v) == CF_JSON_BOOL)
    strcpy(out, cf_json_bool(v) ? "true" : "false");
  if (cf_json_type(v) == CF_JSON_NULL)
    strcpy(out, "null");
  return out;
}

long long number(const char *path)
{
  const char *text = value(path);
  ck_assert_msg(*text >= '0' && *text <= '9', "%s is no number but %s: %s", path, text, content());
  return strtoll(text, NULL, 10);
}

const char *make_token(const char *name, const char *roles, const char *more)
{
  char body[1024];
  snprintf(body, sizeof body, "{\"name\":\"%s\",\"roles\":%s%s}", name, roles, more);
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/tokens",
                             .body = body,
                             .door = CF_DOOR_ADMIN}),
            201);
  ck_assert_uint_lt(tokens_n, CF_COUNT(token_texts));
  snprintf(token_texts[tokens_n], sizeof token_texts[0], "%s", value("token"));
  return token_texts[tokens_n++];
}

void feed_batch(const char *token, struct cf_buf *b)
{
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/events?batch=1",
                             .token = token,
                             .body = cf_buf_cstr(b),
                             .body_n = b->n}),
            200);
  cf_buf_fini(b);
}

void feed_events(const char *token, int n)
{
  struct cf_buf b;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < n; i++)
    cf_buf_putf(&b, "{\"action\":\"read\",\"user\":\"u%d\"}\n", i);
  feed_batch(token, &b);
}

void feed_noise(const char *token, int n)
{
  struct cf_buf b;
  uint32_t state = 1;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < n; i++) {
    cf_buf_putf(&b, "{\"action\":\"read\",\"user\":\"u%d\",\"message\":\"", i);
    for (int k = 0; k < 500; k++) {
      state = state * 1664525 + 1013904223;
      cf_buf_putc(&b, (char)('?' + (state >> 24) % 60));
      if (b.p[b.n - 1] == '\\')
        b.p[b.n - 1] = 'z';
    }
    cf_buf_puts(&b, "\"}\n");
  }
  feed_batch(token, &b);
}
