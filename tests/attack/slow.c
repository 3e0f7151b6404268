/* SPDX-License-Identifier: MIT */
/* Many peers that take their time, until SIGTERM comes or the seconds are
 * over.
 *
 *   slow KIND N SECONDS WHERE [PATH [HEADERFILE]]
 *
 * WHERE is a port of 127.0.0.1 or the path of a Unix socket. KIND:
 *   silent  connect and say nothing
 *   params  FastCGI: a request whose parameters come a byte at a time
 *   stdin   FastCGI: POST PATH with the header line of HEADERFILE, the body a
 *           byte at a time
 *   body    HTTP: POST PATH with HEADERFILE's lines, the body a byte at a time
 *   form    the same, from four addresses in turn
 *   reader  HTTP: GET PATH with them, the answer read a byte at a time
 *   large   HTTP: POST PATH with them, a body of LARGE_N bytes as fast as it
 *           goes, and afterwards the answer
 * A byte goes every BEAT_MS. "up" on standard output says that all have
 * connected; at the end come the statuses that were seen, each once with its
 * count, and `open` with how many connections nobody had closed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX   4096
#define BEAT_MS     100
#define BODY_N      100000
#define FORM_N      4000
#define LARGE_N     (4 << 20)
#define HEADERS_MAX 4096

struct peer {
  int fd; /* -1: it was closed */
  int status;
  char head[24]; /* of the answer: "HTTP/1.1 401", or a record with "Status: 401" */
  size_t head_n;
};

static struct peer peers[PEERS_MAX];
static char request[8192];
static size_t request_n;
static const char *kind;
static volatile sig_atomic_t stopped;

static void die(const char *what)
{
  fprintf(stderr, "slow: %s: %s\n", what, strerror(errno));
  exit(2);
}

static void stop(int signo)
{
  stopped = signo;
}

static bool is(const char *word)
{
  return strcmp(kind, word) == 0;
}

static long now_ms(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int connect_tcp(const char *port)
{
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
  struct sockaddr_in from = {.sin_family = AF_INET};
  static unsigned turn;
  int fd = socket(AF_INET, SOCK_STREAM, 0), small = 4096;

  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn++ % 4);
  if (is("form") && bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
    die("cannot be of another address");
  if (is("reader"))
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
    die("cannot connect");
  return fd;
}

static int connect_unix(const char *path)
{
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);

  snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
    die("cannot connect");
  return fd;
}

/* ---- what is asked ---- */

static void fcgi_record(int type, const char *p, size_t n)
{
  const unsigned char header[8] = {1, (unsigned char)type,     0,
                                   1, (unsigned char)(n >> 8), (unsigned char)n};

  memcpy(request + request_n, header, sizeof header);
  if (n > 0)
    memcpy(request + request_n + sizeof header, p, n);
  request_n += sizeof header + n;
}

static size_t param(char *out, const char *name, const char *value)
{
  out[0] = (char)strlen(name);
  out[1] = (char)strlen(value);
  return 2 + (size_t)sprintf(out + 2, "%s%s", name, value);
}

static void make_stdin(const char *path, const char *file)
{
  char params[2048], line[128] = "";
  FILE *f = file == NULL ? NULL : fopen(file, "r");
  size_t n = 0;

  if (f != NULL) {
    if (fgets(line, sizeof line, f) != NULL)
      line[strcspn(line, "\r\n")] = 0;
    fclose(f);
  }
  n += param(params + n, "REQUEST_METHOD", "POST");
  n += param(params + n, "PATH_INFO", path);
  n += param(params + n, "REMOTE_ADDR", "192.0.2.66");
  if (strncmp(line, "Authorization: ", 15) == 0)
    n += param(params + n, "HTTP_AUTHORIZATION", line + 15);
  fcgi_record(1, "\0\1\0\0\0\0\0\0", 8);
  fcgi_record(4, params, n);
  fcgi_record(4, NULL, 0);
}

static void make_params(void)
{
  /* BEGIN_REQUEST of a responder, and the header of 200 bytes of PARAMS */
  static const char begin[] = "\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
                              "\x01\x04\x00\x01\x00\xc8\x00\x00";

  request_n = sizeof begin - 1;
  memcpy(request, begin, request_n);
}

static void make_http(const char *path, const char *headers)
{
  char lines[HEADERS_MAX] = "";
  FILE *f = headers == NULL ? NULL : fopen(headers, "r");

  if (f != NULL) {
    size_t n = fread(lines, 1, sizeof lines - 3, f);
    fclose(f);
    while (n > 0 && (lines[n - 1] == '\n' || lines[n - 1] == '\r'))
      n--;
    strcpy(lines + n, "\r\n");
  }
  int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s",
                   is("reader") ? "GET" : "POST", path, lines);
  if (!is("reader"))
    n += snprintf(request + n, sizeof request - (size_t)n,
                  "Content-Type: application/json\r\nContent-Length: %d\r\n",
                  is("large")  ? LARGE_N
                  : is("form") ? FORM_N
                               : BODY_N);
  n += snprintf(request + n, sizeof request - (size_t)n, "\r\n");
  request_n = (size_t)n;
}

/* ---- the peers ---- */

static void peer_close(struct peer *p)
{
  close(p->fd);
  p->fd = -1;
}

static void peer_learn(struct peer *p, const char *bytes, size_t n)
{
  size_t part = n < sizeof p->head - 1 - p->head_n ? n : sizeof p->head - 1 - p->head_n;

  memcpy(p->head + p->head_n, bytes, part);
  p->head_n += part;
  if (p->status == 0 && p->head_n >= 12 && strncmp(p->head, "HTTP/1.", 7) == 0)
    p->status = atoi(p->head + 9);
  if (p->status == 0 && p->head_n >= 20 && strncmp(p->head + 8, "Status: ", 8) == 0)
    p->status = atoi(p->head + 16);
}

/* One beat: send a byte, or read one; look at what came. */
static void peer_beat(struct peer *p)
{
  char bytes[4096];

  if (p->fd < 0)
    return;
  if (is("stdin"))
    (void)!send(p->fd, "\1\5\0\1\0\1\0\0 ", 9, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (((is("body") || is("form")) && p->status == 0) || is("params"))
    (void)!send(p->fd, " ", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  ssize_t n = recv(p->fd, bytes, is("reader") ? 1 : sizeof bytes, MSG_DONTWAIT);
  if (n > 0)
    peer_learn(p, bytes, (size_t)n);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    peer_close(p);
}

/* The whole body at once; the answer is looked for afterwards, as by a client
 * that only then reads. */
static void peer_pour(struct peer *p)
{
  static char block[65536];
  ssize_t n = 1;

  memset(block, ' ', sizeof block);
  for (size_t sent = 0; sent < LARGE_N && n > 0; sent += (size_t)n)
    n = send(p->fd, block, sizeof block, MSG_NOSIGNAL);
}

/* Has everybody been answered who wanted no more than that? */
static bool is_over(size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (!is("large") || (peers[i].status == 0 && peers[i].fd >= 0))
      return false;
  return true;
}

static void tell(size_t n)
{
  int open = 0;

  for (int status = 100; status < 600; status++) {
    int count = 0;
    for (size_t i = 0; i < n; i++)
      count += peers[i].status == status;
    if (count > 0)
      printf("%d %d\n", status, count);
  }
  for (size_t i = 0; i < n; i++)
    open += peers[i].fd >= 0;
  printf("open %d\n", open);
}

int main(int argc, char **argv)
{
  if (argc < 5)
    return 2;
  signal(SIGTERM, stop);
  kind = argv[1];
  size_t n = (size_t)atoi(argv[2]);
  if (n > PEERS_MAX)
    return 2;
  if (is("params"))
    make_params();
  else if (is("stdin"))
    make_stdin(argc > 5 ? argv[5] : "/", argc > 6 ? argv[6] : NULL);
  else if (!is("silent"))
    make_http(argc > 5 ? argv[5] : "/", argc > 6 ? argv[6] : NULL);
  for (size_t i = 0; i < n; i++) {
    peers[i].fd = argv[4][0] == '/' ? connect_unix(argv[4]) : connect_tcp(argv[4]);
    if (send(peers[i].fd, request, request_n, MSG_NOSIGNAL) < 0)
      die("cannot send");
    if (is("large"))
      peer_pour(&peers[i]);
  }
  printf("up\n");
  fflush(stdout);
  long end = now_ms() + atol(argv[3]) * 1000;
  for (; now_ms() < end && !stopped && !is_over(n); (void)poll(NULL, 0, BEAT_MS))
    for (size_t i = 0; i < n; i++)
      peer_beat(&peers[i]);
  tell(n);
  return 0;
}
