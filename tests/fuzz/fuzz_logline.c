/* SPDX-License-Identifier: MIT */
/* Fuzz target: lines of a log on their way to events. The first byte chooses
 * how the input arrives in pieces, the rest is the file. What must hold: lines
 * and their offsets account for each byte, and each line becomes one event that
 * the ledger accepts, whatever it is. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/diag.h"
#include "lib/base/die.h"
#include "lib/input/lines.h"
#include "lib/input/logline.h"
#include "lib/record/event.h"
#include "tests/fuzz/fuzz.h"

static void check_event(struct cf_str event)
{
  const struct cf_event_rules rules = {.source = CF_STR("fuzz"), .cut_long = true};
  struct cf_event parsed;
  struct cf_fault fault;
  CF_ASSERT(event.n > 0 && event.p[event.n - 1] == '\n' &&
            memchr(event.p, '\n', event.n) == event.p + event.n - 1);
  CF_ASSERT(cf_event_parse(event, &rules, &parsed, &fault) == CF_OK);
  cf_event_fini(&parsed);
}

#define LINES_MAX 8  /* of an input that are made into events; all are counted */
#define READS_MAX 16 /* of an input */

/* What an input needs is kept for the next: fresh memory for the longest line,
 * and a fresh file, take longer than most inputs. */
static struct cf_logline logline;
static struct cf_buf event;
static int file = -1;

static void prepare(void)
{
  if (file < 0) {
    CF_ASSERT((file = memfd_create("fuzz", MFD_CLOEXEC)) >= 0);
    cf_logline_init(&logline);
    cf_buf_init(&event, 1U << 24);
  }
  CF_ASSERT(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0);
}

static void check_line(const struct cf_line *line)
{
  cf_buf_reset(&event);
  CF_ASSERT(cf_logline_event(&logline, line, CF_STR("fuzz"), CF_STR("0123456789abcdef.1"),
                             &event) == CF_OK);
  check_event(cf_buf_str(&event));
  if (logline.format == CF_LOG_TEXT)
    return;
  cf_buf_reset(&event);
  CF_ASSERT(cf_logline_text(&logline, line) == CF_OK);
  cf_logline_put(&logline, CF_STR("fuzz"), CF_STR("0123456789abcdef.1"), &event);
  check_event(cf_buf_str(&event));
}

/* The file grows by `piece` bytes before each read. */
static void check_file(const uint8_t *data, size_t n, size_t piece)
{
  static struct cf_lines lines;
  struct cf_line line;
  uint64_t at = 0;
  size_t given = 0, got = 1, lines_n = 0;
  prepare();
  lines = (struct cf_lines){.p = lines.p};
  while (got > 0 || given < n) {
    size_t more = piece > n - given ? n - given : piece;
    CF_ASSERT(pwrite(file, data + given, more, (off_t)given) == (ssize_t)more);
    given += more;
    CF_ASSERT(cf_lines_read(&lines, file, &got) == CF_OK);
    for (; cf_lines_take(&lines, got == 0 && given == n, &line); at = line.next) {
      CF_ASSERT(line.offset == at && line.next > at && line.text.n + line.nuls <= line.next - at &&
                (line.text.n == 0 || line.text.p[0] != '\0'));
      if (lines_n++ < LINES_MAX)
        check_line(&line);
    }
  }
  CF_ASSERT(at == n && cf_lines_read_to(&lines) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0)
    return 0;
  check_file(data + 1, size - 1, 1 + size * (1 + data[0] % READS_MAX) / READS_MAX);
  return 0;
}
