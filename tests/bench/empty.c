/* SPDX-License-Identifier: MIT */
/* A FastCGI responder that does nothing: reads each request to its end and
 * answers 204. What a web server, libfcgi and the machine cost by themselves;
 * the yardstick of the benchmark. THREADS workers (default 32) on descriptor
 * 0. */
#include "config.h"

#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>

#define THREADS_MAX 256

static void answer(FCGX_Request *request)
{
  char body[8192];

  while (FCGX_GetStr(body, (int)sizeof body, request->in) > 0)
    ;
  (void)FCGX_PutS("Status: 204 No Content\r\n\r\n", request->out);
  FCGX_Finish_r(request);
}

static void *work(void *unused)
{
  FCGX_Request request;

  if (FCGX_InitRequest(&request, 0, 0) != 0)
    exit(2);
  while (FCGX_Accept_r(&request) == 0)
    answer(&request);
  return unused;
}

int main(int argc, char **argv)
{
  long threads = argc > 1 ? strtol(argv[1], NULL, 10) : 32;
  pthread_t thread;

  if (threads < 1 || threads > THREADS_MAX || FCGX_Init() != 0)
    return 2;
  for (long i = 1; i < threads; i++)
    if (pthread_create(&thread, NULL, work, NULL) != 0)
      return 2;
  (void)work(NULL);
  return 0;
}
