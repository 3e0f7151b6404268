/* SPDX-License-Identifier: MIT */
/* The page without JavaScript: filters, paging, and what is said where nothing
 * is shown. */
#include "config.h"

#include "fcgi-app/http/response.h"
#include "fcgi-app/page/listing.h"
#include "tests/unit/routes/page_stage.h"

/* ---- the list ---- */

static void feed(void)
{
  event(
      "{\"action\":\"read\",\"user\":\"alice\",\"method\":\"GET\",\"status\":200,\"resource\":\"/a\",\"ip\":\"192.0.2.1\",\"time\":\"2026-03-01T12:00:00Z\"}");
  event(
      "{\"action\":\"write\",\"user\":\"bob\",\"method\":\"POST\",\"status\":403,\"resource\":\"/b\",\"time\":\"2026-03-02T12:00:00Z\"}");
  event(
      "{\"action\":\"write\",\"user\":\"alice\",\"method\":\"POST\",\"status\":201,\"resource\":\"/c\",\"time\":\"2026-03-03T23:59:59Z\"}");
}

static const struct {
  const char *query;
  size_t rows;
} filters[] = {
    {"", 3},
    {"?user=&method=&status=&from=&to=&q=&kind=", 3},
    {"?user=alice", 2},
    {"?method=post", 2},
    {"?user=alice&method=POST", 1},
    {"?from=2026-03-02", 2},
    {"?from=2026-03-02&to=2026-03-02", 1},
    {"?to=2026-03-03", 3},
    {"?to=2026-03-02", 2},
    {"?status=4xx", 1},
    {"?q=WRITE", 0}, /* action is no text */
    {"?q=/B", 1},
    {"?user=carol", 0},
};

START_TEST(test_filters)
{
  feed();
  sign_in();
  for (size_t i = 0; i < CF_COUNT(filters); i++) {
    char path[128];
    snprintf(path, sizeof path, "/%s", filters[i].query);
    ck_answer(see(path), 200);
    ck_assert_msg(rows() == filters[i].rows, "%s: %zu rows, not %zu", path, rows(),
                  filters[i].rows);
  }
  ck_answer(see("/?user=alice&from=2026-03-02"), 200);
  ck_contains("name=\"user\" value=\"alice\"");
  ck_contains("name=\"from\" value=\"2026-03-02\"");
}
END_TEST

/* Every parameter of a question that finds the third event of feed(): it is
 * shown, can be taken away, and goes on with the form and with links of
 * cells. */
static const struct {
  const char *query;  /* of one parameter */
  const char *filter; /* as it is shown */
  const char *field;  /* as the form has it */
} shown[] = {
    {"user=alice", "user <bdi>alice</bdi>", "<input name=\"user\" value=\"alice\""},
    {"user.not=bob", "user.not <bdi>bob</bdi>",
     "<input type=\"hidden\" name=\"user.not\" value=\"bob\">"},
    {"ip=192.0.2.0/24", "ip <bdi>192.0.2.0/24</bdi>",
     "<input type=\"hidden\" name=\"ip\" value=\"192.0.2.0/24\">"},
    {"resource.prefix=%2Fc", "resource.prefix <bdi>/c</bdi>",
     "<input type=\"hidden\" name=\"resource.prefix\" value=\"/c\">"},
    {"from=-3000d", "from <bdi>-3000d</bdi>", "<input name=\"from\" value=\"-3000d\""},
    {"to=2096-01-01T00:00:00Z", "to <bdi>2096-01-01T00:00:00Z</bdi>",
     "<input name=\"to\" value=\"2096-01-01T00:00:00Z\""},
    {"sort=time", "sort <bdi>time</bdi>", "<input type=\"hidden\" name=\"sort\" value=\"time\">"},
    {"seq_from=1", "seq_from <bdi>1</bdi>",
     "<input type=\"hidden\" name=\"seq_from\" value=\"1\">"},
    {"recorded_from=-1d", "recorded_from <bdi>-1d</bdi>",
     "<input type=\"hidden\" name=\"recorded_from\" value=\"-1d\">"},
    {"kind=event,access", "kind <bdi>event,access</bdi>", "<option selected>event,access</option>"},
    {"action=write", "action <bdi>write</bdi>",
     "<input type=\"hidden\" name=\"action\" value=\"write\">"},
};

START_TEST(test_filter_shown)
{
  char path[200];
  feed();
  event("{\"action\":\"write\",\"user\":\"alice\",\"resource\":\"/c\",\"ip\":\"192.0.2.9\"}");
  sign_in();
  snprintf(path, sizeof path, "/?host.not=h&%s&method=", shown[_i].query);
  ck_answer(see(path), 200);
  ck_assert_uint_gt(rows(), 0);
  ck_contains(shown[_i].filter);
  ck_contains(shown[_i].field);
  ck_contains("<a href=\"?host.not=h\" aria-label=\"remove ");
  ck_assert_uint_eq(occurrences("aria-label=\"remove "), 2);
  ck_assert_uint_eq(occurrences("name=\"host.not\""), 1);
  ck_assert_uint_gt(occurrences("user=alice\">"), 0); /* of a cell */
  ck_lacks("\"?user=alice\">");
}
END_TEST

/* Two values of one name: both count, and both stay. */
START_TEST(test_filter_twice)
{
  feed();
  sign_in();
  ck_answer(see("/?user=alice&user=bob&user="), 200);
  ck_assert_uint_eq(rows(), 3);
  ck_contains("<input name=\"user\" value=\"alice\"");
  ck_contains("<input type=\"hidden\" name=\"user\" value=\"bob\">");
  ck_contains("href=\"?user=bob\" aria-label=\"remove user alice\"");
  ck_contains("href=\"?user=alice\" aria-label=\"remove user bob\"");
}
END_TEST

/* A field of one line cannot keep two: the form carries them beside it. */
START_TEST(test_filter_of_lines)
{
  event("{\"action\":\"read\",\"user\":\"a\\nb\"}");
  sign_in();
  ck_answer(see("/?user=a%0Ab"), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_contains("<input name=\"user\" value=\"\"");
  ck_contains("<input type=\"hidden\" name=\"user\" value=\"a&#10;b\">");
  ck_contains("<li>user <bdi>a<mark>U+000A</mark>b</bdi>");
  ck_answer(see("/?q=none&q=a%0Db&q="), 200);
  ck_contains("<input name=\"q\" value=\"none\"");
  ck_contains("<input type=\"hidden\" name=\"q\" value=\"a&#13;b\">");
}
END_TEST

START_TEST(test_newest_first)
{
  feed();
  sign_in();
  ck_answer(see("/"), 200);
  const char *newest = strstr(content(), ">/c");
  const char *oldest = strstr(content(), ">/a");
  ck_assert(newest != NULL && oldest != NULL && newest < oldest);
  ck_contains("<a href=\"?status=403\">403</a> <span class=\"failure\">failure</span>");
}
END_TEST

/* Follow the links from a question of user a&b to the end: its rows, and on how
 * many pages. */
static size_t leaf_through(int *pages)
{
  char path[512] = "/?user=a%26b";
  size_t seen = 0;
  for (*pages = 1; *pages < 99; ++*pages) {
    ck_answer(see(path), 200);
    seen += rows();
    const char *older = strstr(content(), "rel=\"next\" href=\"");
    if (older == NULL)
      break;
    snprintf(path, sizeof path, "/%.*s", (int)strcspn(older + 17, "\""), older + 17);
    char *amp = strstr(path, "&amp;");
    ck_assert_ptr_nonnull(amp);
    memmove(amp + 1, amp + 5, strlen(amp + 5) + 1);
  }
  return seen;
}

START_TEST(test_paging)
{
  struct cf_buf b;
  int pages;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < 120; i++)
    cf_buf_putf(&b, "{\"action\":\"read\",\"user\":\"a&b\",\"request_id\":\"r%d\"}", i);
  ck_answer(post("/v1/events", writer, cf_buf_cstr(&b)), 200);
  cf_buf_fini(&b);
  sign_in();
  ck_assert_uint_eq(leaf_through(&pages), 120);
  ck_assert_int_eq(pages, 3);
  ck_contains(">Newest</a>");
  ck_contains("href=\"?user=a%26b\"");
}
END_TEST

/* What is long in the log, and longer where it has to be shown with care, makes
 * more pages, none of which is too long for a browser. */
START_TEST(test_long_rows)
{
  struct cf_buf b;
  int pages;
  cf_buf_init(&b, SIZE_MAX);
  for (int i = 0; i < 40; i++) {
    cf_buf_puts(&b, "{\"action\":\"x\",\"user\":\"a&b\",\"message\":\"");
    for (int k = 0; k < 16384; k++)
      cf_buf_putc(&b, 0x7f);
    cf_buf_puts(&b, "\"}");
  }
  ck_answer(post("/v1/events", writer, cf_buf_cstr(&b)), 200);
  cf_buf_fini(&b);
  sign_in();
  ck_answer(see("/?user=a%26b"), 200);
  ck_assert_uint_eq(rows(), 16);
  ck_assert_uint_lt(strlen(content()), 20 * CF_LISTING_TEXT);
  ck_assert_uint_eq(leaf_through(&pages), 40);
  ck_assert_int_eq(pages, 3);
}
END_TEST

START_TEST(test_chain)
{
  feed();
  sign_in();
  ck_answer(get("/checkpoint", NULL), 200);
  char root[64];
  const char *line = strchr(strchr(content(), '\n') + 1, '\n') + 1;
  snprintf(root, sizeof root, "<code>%.44s</code>", line);
  ck_answer(see("/"), 200);
  ck_contains("Newest checkpoint");
  ck_contains("Verify everything");
  ck_assert_uint_eq(occurrences("<code>"), 1);
}
END_TEST

/* An event from the far future is taken, and marked; one a little ahead is
 * not. */
START_TEST(test_ahead)
{
  char text[128], time[CF_TIME_TEXT_N + 1];
  cf_time_format(cf_clock_now_us() + 20 * CF_HOUR_US, time);
  snprintf(text, sizeof text, "{\"action\":\"soon\",\"time\":\"%s\"}", time);
  event(text);
  sign_in();
  ck_answer(see("/"), 200);
  ck_lacks("ahead of its record</span>");
  cf_time_format(cf_clock_now_us() + 30 * CF_HOUR_US, time);
  snprintf(text, sizeof text, "{\"action\":\"later\",\"time\":\"%s\"}", time);
  event(text);
  ck_answer(see("/"), 200);
  ck_assert_uint_eq(occurrences("ahead of its record</span>"), 1);
}
END_TEST

START_TEST(test_problem)
{
  sign_in();
  ck_answer(see("/?status=abc"), 400);
  ck_contains("role=\"alert\"");
  ck_contains("class=\"ask\"");
  ck_answer(see("/?cursor=zzz"), 400);
  ck_answer(see("/?user=%zz"), 400);
  ck_answer(see("/?user=nobody"), 200);
  ck_contains("No events");
}
END_TEST

/* A question that cannot be answered says nothing of how many events there
 * are. */
static const char *const unanswered[] = {"/?status=abc",  "/?cursor=zzz", "/?limit=5",
                                         "/?fields=user", "/?format=csv", "/?colour=red"};

START_TEST(test_unanswered)
{
  sign_in();
  ck_answer(see(unanswered[_i]), 400);
  ck_contains("role=\"alert\"");
  ck_lacks("No events");
}
END_TEST

/* What is wrong stands beside its field, in words; all that was typed stays. */
static const struct {
  const char *query, *field, *words;
} wrong[] = {
    {"status=abc&user=bob", "name=\"status\" value=\"abc\"",
     "not a status: write 404, 4xx or 400-499"},
    {"from=2026-03-05&to=2026-03-02&user=bob", "name=\"from\" value=\"2026-03-05\"",
     "not before the end: nothing lies between"},
    {"from=-1h&to=-2h&user=bob", "name=\"from\" value=\"-1h\"",
     "not before the end: nothing lies between"},
    {"from=yesterday&user=bob", "name=\"from\" value=\"yesterday\"", "not a time: write"},
    {"to=2026-02-30&user=bob", "name=\"to\" value=\"2026-02-30\"", "not a time: write"},
    {"kind=visits&user=bob", "<option selected>visits</option>", "no such kind; there are:"},
    {"method=G%20T&user=bob", "name=\"method\" value=\"G T\"", "must be 1 to"},
};

START_TEST(test_wrong)
{
  char path[128], text[200];
  sign_in();
  snprintf(path, sizeof path, "/?%s", wrong[_i].query);
  ck_answer(see(path), 400);
  ck_contains(wrong[_i].field);
  ck_contains("name=\"user\" value=\"bob\"");
  snprintf(text, sizeof text, "<em role=\"alert\">%s", wrong[_i].words);
  ck_contains(text);
  ck_assert_ptr_nonnull(strstr(strstr(content(), wrong[_i].field), text));
  ck_assert_uint_eq(occurrences("role=\"alert\""), 1);
  ck_lacks("bad parameter");
}
END_TEST

/* Where there is no such field, it is said above the answer. */
START_TEST(test_wrong_elsewhere)
{
  sign_in();
  ck_answer(see("/?ip=nowhere"), 400);
  ck_contains("<strong>This question cannot be asked.</strong> ip not an address");
  ck_answer(see("/?recorded_from=-1h&recorded_to=-2h"), 400);
  ck_contains("recorded_from not before the end");
  ck_answer(see("/?seq_from=9&seq_to=9"), 400);
  ck_contains("seq_from not before the end");
  ck_answer(see("/?seq_to=0"), 200);
  ck_contains("No events match");
  ck_answer(see("/?cursor=zzz"), 400);
  ck_contains("<strong>This place in an answer is not there.</strong>");
}
END_TEST

/* Found nothing: the same name in other case, or within a longer one. */
START_TEST(test_suggest)
{
  feed();
  sign_in();
  ck_answer(see("/?user=ALICE&status=200"), 200);
  ck_assert_uint_eq(rows(), 0);
  ck_contains("Look for user <bdi>ALICE</bdi> <a href=\"?user.ci=ALICE&amp;status=200\">in upper");
  ck_contains("or <a href=\"?q=ALICE&amp;status=200\">anywhere</a>");
  ck_answer(see("/?user.ci=ALICE&status=200"), 200);
  ck_assert_uint_eq(rows(), 1);
  ck_lacks("Look for");
  ck_answer(see("/?q=ALICE&status=200"), 200);
  ck_assert_uint_eq(rows(), 1);
}
END_TEST

/* What a link asks differs in that alone, and is never refused. */
static const struct {
  const char *query, *suggested; /* NULL: nothing */
} suggestions[] = {
    {"user=ALICE&status=200&user=BOB", "?user.ci=ALICE&amp;status=200&amp;user.ci=BOB\""},
    {"user=ALICE&user=BOB&status=200", "?q=ALICE&amp;q=BOB&amp;status=200\""},
    {"status=404&source=WEB9", "?status=404&amp;source.ci=WEB9\""},
    {"attributes.tenant=North", "?attributes.tenant.ci=North\""},
    {"source=&user=%22%3E%3Cb%3E", "?user.ci=%22%3E%3Cb%3E\""},
    {"q=nobody&user=ALICE", "?q=nobody&amp;user.ci=ALICE\""},
    {"q=nobody&user=ALICE", NULL},
    {"user.ci=nobody", NULL},
    {"user.not=alice&user.prefix=b&q=nobody", NULL},
    {"status=999", NULL},
    {"method=PURGE", NULL},
    {"ip=2001:db8::99", NULL},
};

START_TEST(test_suggestions)
{
  char path[128];
  feed();
  sign_in();
  snprintf(path, sizeof path, "/?%s", suggestions[_i].query);
  ck_answer(see(path), 200);
  ck_assert_uint_eq(rows(), 0);
  if (suggestions[_i].suggested != NULL)
    ck_contains(suggestions[_i].suggested);
  else
    ck_lacks("anywhere</a>");
}
END_TEST

/* A secret beside text of others is not packed (response.h): a page's form, and
 * a new token beside its sources. */
START_TEST(test_not_packed)
{
  struct cf_buf order;
  feed();
  sign_in();
  ck_answer(ask((struct ask){.path = "/",
                             .token = auditor,
                             .vars = {"HTTP_ACCEPT_ENCODING", "gzip"}}),
            200);
  ck_assert_uint_gt(cf_memory_content(&stage_answer).n, CF_RESPONSE_SMALL);
  ck_assert_str_eq(header("Content-Encoding"), "");
  cf_buf_init(&order, SIZE_MAX);
  cf_buf_puts(&order, "{\"name\":\"n\",\"roles\":[\"writer\"],\"sources\":[\"s\"");
  for (int i = 0; i < 30; i++)
    cf_buf_putf(&order, ",\"s%060d\"", i);
  cf_buf_puts(&order, "]}");
  ck_answer(ask((struct ask){.method = "POST",
                             .path = "/v1/tokens",
                             .token = admin,
                             .body = cf_buf_cstr(&order),
                             .vars = {"HTTP_ACCEPT_ENCODING", "gzip"}}),
            201);
  cf_buf_fini(&order);
  ck_assert_uint_gt(cf_memory_content(&stage_answer).n, CF_RESPONSE_SMALL);
  ck_assert_str_eq(header("Content-Encoding"), "");
}
END_TEST

/* Tabs, history and bookmarks tell pages apart. */
START_TEST(test_titles)
{
  ck_answer(get("/", NULL), 200);
  ck_contains("<title>Sign in · test.example.org/log</title>");
  ck_contains("<link rel=\"icon\" href=\"assets/icon.svg\">");
  sign_in();
  ck_answer(see("/"), 200);
  ck_contains("<title>Events · test.example.org/log</title>");
  ck_answer(see("/?user=a%3C%E2%80%AE&sort=time"), 200);
  ck_contains("<title>user=a%3C%E2%80%AE&amp;sort=time · Events · test.example.org/log</title>");
  ck_contains("<p class=\"print\">Asked <time");
  ck_contains("</time> by eve: user=a%3C%E2%80%AE&amp;sort=time</p>");
}
END_TEST

/* The form sends its fields also where they are empty. */
START_TEST(test_order_shown)
{
  feed();
  sign_in();
  ck_answer(see("/?limit=&fields=&sort=seq&order=desc"), 200);
  ck_contains("shown, newest records first.");
  ck_answer(see("/?sort=time"), 200);
  ck_contains("3 shown.");
  ck_answer(see("/?order=asc"), 200);
  ck_contains("3 shown.");
}
END_TEST

START_TEST(test_trail)
{
  feed();
  sign_in();
  ck_answer(see("/?user=alice"), 200);
  event("{\"action\":\"x\"}");
  ck_answer(get("/v1/events?kind=access", auditor), 200);
  ck_value("events.0.action", "query");
  ck_value("events.0.user", "eve");
  ck_value("events.0.attributes.filter", "user=alice");
  ck_value("events.0.attributes.rows", "2");
  ck_answer(see("/?kind=access"), 200);
  ck_contains("selected>reading of this log");
  ck_answer(see("/?kind=all"), 200);
  ck_contains("audit");
  ck_contains("&quot;what&quot;:&quot;add&quot;");
}
END_TEST

/* ---- files ---- */

START_TEST(test_assets)
{
  char etag[64];
  ck_answer(get("/assets/style.css", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/css; charset=utf-8");
  ck_assert_str_eq(header("X-Content-Type-Options"), "nosniff");
  snprintf(etag, sizeof etag, "%s", header("ETag"));
  ck_answer(ask((struct ask){.path = "/assets/style.css", .vars = {"HTTP_IF_NONE_MATCH", etag}}),
            304);
  ck_assert_str_eq(content(), "");
  char list[160];
  snprintf(list, sizeof list, "\"other\", W/%s", etag);
  ck_answer(ask((struct ask){.path = "/assets/style.css", .vars = {"HTTP_IF_NONE_MATCH", list}}),
            304);
  ck_answer(get("/assets/app.js", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "text/javascript; charset=utf-8");
  ck_answer(get("/assets/icon.svg", NULL), 200);
  ck_assert_str_eq(header("Content-Type"), "image/svg+xml");
  ck_answer(get("/assets/page.html", NULL), 404);
  ck_answer(get("/assets/openapi.json", NULL), 404);
  ck_answer(get("/assets/..", NULL), 404);
}
END_TEST

static void no_files(void)
{
  stage_set("www", "/nonexistent/www");
}

static void setup_no_files(void)
{
  stage_conf_set = no_files;
  stage_setup_roles();
}

/* A log does not stop because the page's files are missing. */
START_TEST(test_no_files)
{
  static const char *const paths[] = {"/", "/login", "/openapi.json", "/assets/style.css"};
  event("{\"action\":\"read\"}");
  ck_answer(get("/healthz", NULL), 200);
  ck_answer(get("/v1/events", auditor), 200);
  for (size_t i = 0; i < CF_COUNT(paths); i++) {
    ck_answer(get(paths[i], NULL), 503);
    ck_value("type", "urn:counterfoil:bad-config");
  }
  sign_in();
  ck_answer(see("/"), 503);
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "list",
       .test = test_filters,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "list", .test = test_filter_shown, .loops = CF_COUNT(shown)},
      {.tcase = "list", .test = test_filter_twice},
      {.tcase = "list", .test = test_filter_of_lines},
      {.tcase = "list", .test = test_newest_first},
      {.tcase = "list", .test = test_paging},
      {.tcase = "list", .test = test_long_rows},
      {.tcase = "list", .test = test_chain},
      {.tcase = "list", .test = test_problem},
      {.tcase = "list", .test = test_unanswered, .loops = CF_COUNT(unanswered)},
      {.tcase = "list", .test = test_wrong, .loops = CF_COUNT(wrong)},
      {.tcase = "list", .test = test_wrong_elsewhere},
      {.tcase = "list", .test = test_suggest},
      {.tcase = "list", .test = test_suggestions, .loops = CF_COUNT(suggestions)},
      {.tcase = "list", .test = test_not_packed},
      {.tcase = "list", .test = test_titles},
      {.tcase = "list", .test = test_order_shown},
      {.tcase = "list", .test = test_ahead},
      {.tcase = "list", .test = test_trail},
      {.tcase = "files",
       .test = test_assets,
       .setup = stage_setup_roles,
       .teardown = stage_teardown},
      {.tcase = "no files",
       .test = test_no_files,
       .setup = setup_no_files,
       .teardown = stage_teardown},
  };
  return cf_test_run("app_page", tests, CF_COUNT(tests));
}
