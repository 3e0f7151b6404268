/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over files, without a fuzzer: those named on the command
 * line, or the target's corpus, tests/fuzz/corpus/CF_CORPUS. Ends with 1 where
 * there is nothing to run. */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static size_t runs;

/* In memory of exactly its size, so that a sanitizer sees each step beyond
 * it. */
static void run_file(const char *path)
{
  FILE *f = fopen(path, "rb");
  if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
    perror(path);
    exit(1);
  }
  size_t n = (size_t)ftell(f);
  uint8_t *data = malloc(n > 0 ? n : 1);
  rewind(f);
  if (data == NULL || fread(data, 1, n, f) != n) {
    perror(path);
    exit(1);
  }
  fclose(f);
  LLVMFuzzerTestOneInput(data, n);
  free(data);
  runs++;
}

static void run_corpus(void)
{
  const char *root = getenv("CF_SRCDIR");
  char dir[4096], path[8192];
  snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", root == NULL ? "." : root, CF_CORPUS);
  DIR *d = opendir(dir);
  if (d == NULL) {
    perror(dir);
    exit(1);
  }
  for (struct dirent *e; (e = readdir(d)) != NULL;) {
    if (e->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    run_file(path);
  }
  closedir(d);
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++)
    run_file(argv[i]);
  if (argc == 1)
    run_corpus();
  printf("%s: %zu inputs\n", CF_CORPUS, runs);
  return runs == 0;
}
