/* SPDX-License-Identifier: MIT */
/* A load of POSTs over kept-alive connections to 127.0.0.1, and what was
 * acknowledged.
 *
 *   load [-c CONNECTIONS] [-n REQUESTS | -t SECONDS] [-b BATCH] [-s | -f
 *   EVENTS] [-p PREFIX] [-H HEADERFILE] [-o ACKS] PORT PATH
 *
 * Each connection posts one request after the other: one event of some 400
 * bytes, or with -s a small one, or with -f the next line of EVENTS, a file of
 * JSON objects without an id, over and over; or BATCH of them as NDJSON. Ids
 * are PREFIX-CONNECTION-NUMBER. A request that fails without an answer, or with
 * a 5xx, is sent again, with the same ids, until it is answered, the time is
 * over or SIGTERM comes; a 4xx ends the run with 1. ACKS gets a line an
 * acknowledged event: id, seq, leaf hash in hex (- in a batch). HEADERFILE
 * holds header lines to send, for example the token. At the end a line of
 * figures goes to stdout; latencies are of requests that were answered the
 * first time. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 512
#define BATCH_MAX       50000
#define EVENT_MAX       2048 /* bytes of one event's text */
#define LINES_MAX       4000000
#define HEADERS_MAX     4096
#define ANSWER_MAX      (4 << 20)
#define RETRY_US        20000
#define LATENCIES_MAX   4000000

struct options {
  int connections, batch;
  unsigned short port;
  long requests; /* of all connections together; 0: until the time is over */
  double seconds;
  bool small;
  const char *prefix, *path, *acks;
  char headers[HEADERS_MAX];
};

struct connection {
  int fd; /* -1: none; is opened when `since` has come */
  int index;
  long number;     /* of the request under way; 0: none */
  long first_line; /* of the file, for the request under way */
  bool again;      /* it was sent before */
  int64_t since;   /* when it was sent; before that, when it may be */
  char *request;
  size_t request_n, sent;
  char *answer;
  size_t answer_n, answer_size;
};

struct answer {
  int status;
  bool complete, close;
  const char *body;
  size_t body_n;
};

static struct options options = {.connections = 1, .batch = 1, .seconds = 3600, .prefix = "load"};
static FILE *acks;
static long given; /* requests given out */
static long done, again, events;
static char **lines; /* of the file, each ended by a 0 */
static long lines_n;
static uint32_t *latencies;
static size_t latencies_n;
static volatile sig_atomic_t stopped;

static void die(const char *what)
{
  fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
  exit(2);
}

static int64_t now_us(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- requests ---- */

static int page_view_put(char *out, const struct connection *c, long n)
{
  return snprintf(
      out, EVENT_MAX,
      "{\"id\":\"%s-%d-%ld\",\"action\":\"page.view\",\"user\":\"user%ld\",\"session\":\"s-%08lx\",\"ip\":\"10.%ld.%ld.%d\","
      "\"method\":\"GET\",\"status\":%d,\"resource\":\"/projects/%ld/files/%ld\",\"query\":\"page=%ld\",\"host\":\"www.example.org\","
      "\"bytes\":%ld,\"duration_us\":%ld,\"protocol\":\"HTTP/1.1\",\"request_id\":\"req-%d-%ld\","
      "\"user_agent\":\"Mozilla/5.0 (X11; Linux x86_64; rv:102.0) Gecko/20100101 Firefox/102.0\"}\n",
      options.prefix, c->index, n, n % 997, (unsigned long)n * 2654435761UL % 0xffffffffUL, n % 250,
      n / 250 % 250, c->index % 250, n % 20 ? 200 : 404, n % 83, n % 9973, n % 7, 512 + n % 40000,
      300 + n % 9000, c->index, n);
}

static size_t event_put(char *out, const struct connection *c, int i)
{
  long n = (c->number - 1) * options.batch + i;
  int length;

  if (options.small)
    length = snprintf(out, EVENT_MAX, "{\"id\":\"%s-%d-%ld\",\"action\":\"load\"}\n",
                      options.prefix, c->index, n);
  else if (lines_n > 0)
    length = snprintf(out, EVENT_MAX, "{\"id\":\"%s-%d-%ld\",%s\n", options.prefix, c->index, n,
                      lines[(c->first_line + i) % lines_n]);
  else
    length = page_view_put(out, c, n);
  if (length < 0 || length >= EVENT_MAX)
    die("the event's text is too long");
  return (size_t)length;
}

static void request_make(struct connection *c)
{
  char *body = c->request + HEADERS_MAX + 1024;
  char head[HEADERS_MAX + 1024];
  size_t n = 0;

  for (int i = 0; i < options.batch; i++)
    n += event_put(body + n, c, i);
  int head_n = snprintf(
      head, sizeof head,
      "POST %s%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%sContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
      options.path, options.batch > 1 && acks ? "?return=seqs" : "", options.port, options.headers,
      options.batch > 1 ? "application/x-ndjson" : "application/json", n);
  if (head_n < 0 || (size_t)head_n >= sizeof head)
    die("the header is too long");
  memcpy(c->request, head, (size_t)head_n);
  memmove(c->request + head_n, body, n);
  c->request_n = (size_t)head_n + n;
}

static bool next_request(struct connection *c)
{
  if (options.requests && given >= options.requests)
    return false;
  c->first_line = given++ * options.batch;
  c->number++;
  c->again = false;
  c->sent = 0;
  request_make(c);
  return true;
}

/* ---- answers ---- */

static const char *header_find(const char *head, size_t head_n, const char *name)
{
  for (const char *at = head; at < head + head_n;) {
    const char *end = memmem(at, (size_t)(head + head_n - at), "\r\n", 2);
    if (end == NULL)
      return NULL;
    if (strncasecmp(at, name, strlen(name)) == 0)
      return at + strlen(name);
    at = end + 2;
  }
  return NULL;
}

/* Put the chunks of a body together in its own place; false: not all is
 * there. */
static bool unchunk(char *body, size_t n, size_t *body_n)
{
  size_t from = 0;
  size_t to = 0;

  for (;;) {
    char *end;
    if (memmem(body + from, n - from, "\r\n", 2) == NULL)
      return false;
    unsigned long chunk = strtoul(body + from, &end, 16);
    from = (size_t)(end - body) + 2;
    if (from + chunk + 2 > n)
      return false;
    if (chunk == 0)
      break;
    memmove(body + to, body + from, chunk);
    to += chunk;
    from += chunk + 2;
  }
  *body_n = to;
  return true;
}

static bool chunks_ended(const char *body, size_t n)
{
  return n >= 5 && memcmp(body + n - 5, "0\r\n\r\n", 5) == 0;
}

static void answer_parse(struct connection *c, bool ended, struct answer *a)
{
  char *end = memmem(c->answer, c->answer_n, "\r\n\r\n", 4);

  memset(a, 0, sizeof *a);
  if (end == NULL || c->answer_n < 12)
    return;
  size_t head_n = (size_t)(end - c->answer) + 2;
  char *body = end + 4;
  size_t n = c->answer_n - head_n - 2;
  const char *length = header_find(c->answer, head_n, "Content-Length:");
  const char *coding = header_find(c->answer, head_n, "Transfer-Encoding:");
  const char *connection = header_find(c->answer, head_n, "Connection:");

  a->status = atoi(c->answer + 9);
  a->close = connection && strncasecmp(connection + strspn(connection, " "), "close", 5) == 0;
  a->body = body;
  a->body_n = n;
  if (coding)
    a->complete = chunks_ended(body, n) && unchunk(body, n, &a->body_n);
  else if (length)
    a->complete = n >= strtoul(length, NULL, 10);
  else
    a->complete = a->status == 204 || ended;
}

/* The 32 bytes that 44 characters of base64 stand for, as hex. */
static void hash_to_hex(const char *base64, char hex[65])
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint32_t bits = 0;
  int hex_n = 0;

  for (int i = 0; i < 43; i++) {
    const char *digit = base64[i] ? strchr(digits, base64[i]) : NULL;
    if (digit == NULL)
      die("a leaf_hash is no base64");
    bits = bits << 6 | (uint32_t)(digit - digits);
    if (i % 4 == 3)
      hex_n += sprintf(hex + hex_n, "%06x", bits & 0xffffff);
  }
  (void)sprintf(hex + hex_n, "%04x", bits >> 2 & 0xffff);
}

static void ack_one(const struct connection *c, const struct answer *a)
{
  const char *seq = memmem(a->body, a->body_n, "\"seq\":", 6);
  const char *hash = memmem(a->body, a->body_n, "\"leaf_hash\":\"", 13);
  char hex[65];

  errno = 0;
  if (seq == NULL || hash == NULL)
    die("an acknowledgement without seq or leaf_hash");
  hash_to_hex(hash + 13, hex);
  fprintf(acks, "%s-%d-%ld %lu %s\n", options.prefix, c->index, c->number - 1,
          strtoul(seq + 6, NULL, 10), hex);
}

static void ack_batch(const struct connection *c, const struct answer *a)
{
  const char *at = memmem(a->body, a->body_n, "\"seqs\":[", 8);

  errno = 0;
  if (at == NULL)
    die("an acknowledgement without seqs");
  at += 8;
  for (int i = 0; i < options.batch; i++) {
    char *end;
    unsigned long seq = strtoul(at, &end, 10);
    if (end == at)
      die("an event of a batch was not taken");
    fprintf(acks, "%s-%d-%ld %lu -\n", options.prefix, c->index,
            (c->number - 1) * options.batch + i, seq);
    at = end + 1;
  }
}

static void acknowledged(struct connection *c, const struct answer *a)
{
  if (acks && options.batch > 1)
    ack_batch(c, a);
  else if (acks)
    ack_one(c, a);
  done++;
  events += options.batch;
  if (!c->again && latencies_n < LATENCIES_MAX)
    latencies[latencies_n++] = (uint32_t)(now_us() - c->since);
}

/* ---- connections ---- */

static void connection_drop(struct connection *c)
{
  if (c->fd >= 0)
    (void)close(c->fd);
  c->fd = -1;
  c->sent = 0;
  c->answer_n = 0;
}

static void send_again(struct connection *c)
{
  connection_drop(c);
  again++;
  c->again = true;
  c->since = now_us() + RETRY_US;
}

static bool connection_open(struct connection *c)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
  int one = 1;

  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (c->fd < 0)
    die("socket");
  (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0 ||
      fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
    return false;
  return true;
}

static void send_some(struct connection *c)
{
  if (c->fd < 0 && !connection_open(c)) {
    send_again(c);
    return;
  }
  if (c->sent == 0)
    c->since = now_us();
  ssize_t n = send(c->fd, c->request + c->sent, c->request_n - c->sent, MSG_NOSIGNAL);
  if (n >= 0)
    c->sent += (size_t)n;
  else if (errno != EAGAIN && errno != EINTR)
    send_again(c);
}

/* False: there is no more to do for this connection. */
static bool answered(struct connection *c, const struct answer *a)
{
  if (a->status >= 500) {
    send_again(c);
    return true;
  }
  if (a->status < 200 || a->status > 299) {
    fprintf(stderr, "load: answer %d: %.*s\n", a->status,
            (int)(a->body_n < 2000 ? a->body_n : 2000), a->body);
    exit(1);
  }
  acknowledged(c, a);
  if (a->close)
    connection_drop(c);
  c->answer_n = 0;
  c->since = 0;
  return next_request(c);
}

static bool receive_some(struct connection *c)
{
  struct answer a;

  if (c->answer_size - c->answer_n < 65536) {
    c->answer_size = c->answer_size ? 2 * c->answer_size : 131072;
    c->answer = c->answer_size > ANSWER_MAX ? NULL : realloc(c->answer, c->answer_size);
    if (c->answer == NULL)
      die("too large an answer");
  }
  ssize_t n = recv(c->fd, c->answer + c->answer_n, c->answer_size - c->answer_n - 1, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return true;
  if (n > 0)
    c->answer_n += (size_t)n;
  c->answer[c->answer_n] = 0;
  answer_parse(c, n == 0, &a);
  if (a.complete)
    return answered(c, &a);
  if (n <= 0)
    send_again(c);
  return true;
}

static bool connection_step(struct connection *c, short ready)
{
  if (c->fd >= 0 && ready & (POLLIN | POLLHUP | POLLERR))
    return receive_some(c);
  if (c->fd < 0 || ready & POLLOUT)
    send_some(c);
  return true;
}

/* One round over all connections that still have work; returns how many
 * have. */
static int round_once(struct connection *all, bool *working)
{
  struct pollfd polls[CONNECTIONS_MAX];
  int left = 0;

  for (int i = 0; i < options.connections; i++) {
    struct connection *c = &all[i];
    polls[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
    if (c->sent < c->request_n || c->fd < 0)
      polls[i].events = POLLIN | POLLOUT;
    if (!working[i])
      polls[i].fd = -1;
  }
  if (poll(polls, (nfds_t)options.connections, 5) < 0 && errno != EINTR)
    die("poll");
  int64_t now = now_us();
  for (int i = 0; i < options.connections; i++) {
    struct connection *c = &all[i];
    if (working[i] && (polls[i].revents || (c->fd < 0 && now >= c->since)))
      working[i] = connection_step(c, polls[i].revents);
    left += working[i];
  }
  return left;
}

static void connections_start(struct connection *all, bool *working)
{
  for (int i = 0; i < options.connections; i++) {
    all[i].fd = -1;
    all[i].index = i;
    all[i].request = malloc(2 * HEADERS_MAX + 2048 + (size_t)options.batch * EVENT_MAX);
    if (all[i].request == NULL)
      die("memory");
    working[i] = next_request(&all[i]);
    if (working[i])
      send_some(&all[i]);
  }
}

/* ---- program ---- */

static int by_size(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a;
  uint32_t y = *(const uint32_t *)b;

  return (x > y) - (x < y);
}

static unsigned percentile(double part)
{
  size_t at = (size_t)((double)latencies_n * part);

  return latencies_n ? latencies[at < latencies_n ? at : latencies_n - 1] : 0;
}

static void figures(double seconds)
{
  qsort(latencies, latencies_n, sizeof *latencies, by_size);
  printf(
      "requests=%ld events=%ld again=%ld seconds=%.3f requests_s=%.0f events_s=%.0f p50_us=%u p99_us=%u max_us=%u\n",
      done, events, again, seconds, (double)done / seconds, (double)events / seconds,
      percentile(0.5), percentile(0.99), percentile(1));
}

/* The lines of the file, each ended by CR LF. */
static void headers_read(const char *path)
{
  char line[2048];
  size_t n = 0;
  FILE *f = fopen(path, "r");

  if (f == NULL)
    die(path);
  while (fgets(line, sizeof line, f))
    n += (size_t)snprintf(options.headers + n, n < HEADERS_MAX ? HEADERS_MAX - n : 0, "%.*s\r\n",
                          (int)strcspn(line, "\r\n"), line);
  (void)fclose(f);
  if (n >= HEADERS_MAX)
    die("too many headers");
}

/* The lines without the brace that begins each. */
static void lines_read(const char *path)
{
  struct stat s;
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || fstat(fd, &s) != 0)
    die(path);
  char *text = mmap(NULL, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  lines = malloc(LINES_MAX * sizeof *lines);
  if (text == MAP_FAILED || lines == NULL)
    die(path);
  for (char *at = text, *end; at < text + s.st_size && lines_n < LINES_MAX; at = end + 1) {
    end = memchr(at, '\n', (size_t)(text + s.st_size - at));
    errno = 0;
    if (end == NULL || *at != '{')
      die("a line of the events is no object");
    *end = 0;
    lines[lines_n++] = at + 1;
  }
  (void)close(fd);
}

static void options_read(int argc, char **argv)
{
  int option;

  while ((option = getopt(argc, argv, "c:n:t:b:sf:p:H:o:")) != -1)
    switch (option) {
    case 'c': options.connections = atoi(optarg); break;
    case 'n': options.requests = atol(optarg); break;
    case 't': options.seconds = atof(optarg); break;
    case 'b': options.batch = atoi(optarg); break;
    case 's': options.small = true; break;
    case 'f': lines_read(optarg); break;
    case 'p': options.prefix = optarg; break;
    case 'H': headers_read(optarg); break;
    case 'o': options.acks = optarg; break;
    default: exit(2);
    }
  errno = 0;
  if (optind + 2 != argc || options.connections < 1 || options.connections > CONNECTIONS_MAX ||
      options.batch < 1 || options.batch > BATCH_MAX)
    die("usage: load [-c CONNECTIONS] [-n REQUESTS | -t SECONDS] [-b BATCH] [-s | -f EVENTS] [-p PREFIX] [-H HEADERFILE] [-o ACKS] PORT PATH");
  options.port = (unsigned short)atoi(argv[optind]);
  options.path = argv[optind + 1];
}

static void stop(int signo)
{
  (void)signo;
  stopped = 1;
}

int main(int argc, char **argv)
{
  static struct connection all[CONNECTIONS_MAX];
  static bool working[CONNECTIONS_MAX];

  options_read(argc, argv);
  (void)signal(SIGTERM, stop);
  acks = options.acks ? fopen(options.acks, "w") : NULL;
  latencies = malloc(LATENCIES_MAX * sizeof *latencies);
  if (latencies == NULL || (options.acks && acks == NULL))
    die("cannot begin");
  int64_t start = now_us();
  int64_t end = start + (int64_t)(options.seconds * 1e6);
  connections_start(all, working);
  while (round_once(all, working) > 0 && !stopped && now_us() < end)
    ;
  figures((double)(now_us() - start) / 1e6);
  if (acks && fclose(acks) != 0)
    die("the acknowledgements cannot be written");
  return 0;
}
