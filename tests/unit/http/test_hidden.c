/* SPDX-License-Identifier: MIT */
/* What outsiders may not set. */
#include "config.h"

#include "fcgi-app/http/hidden.h"

#include "tests/unit/cf_test.h"

static const struct {
  const char *name;
  bool hidden;
} names[] = {
    {"COUNTERFOIL_DOOR", true},
    {"COUNTERFOIL_DOOR=cli", true},
    {"COUNTERFOIL_CONF", true},
    {"COUNTERFOIL_", true},
    {"COUNTERFOIL", false},
    {"COUNTERFOIL=COUNTERFOIL_", false},
    {"HTTP_X_COUNTERFOIL_TOKEN", false},
    {"HTTP_COUNTERFOIL_DOOR=cli", false},
    {"counterfoil_door", false}, /* which nobody asks for */
    {"X=COUNTERFOIL_DOOR", false},
    {"", false},
};

START_TEST(test_names)
{
  ck_assert_int_eq(cf_hidden(names[_i].name), names[_i].hidden);
}
END_TEST

START_TEST(test_own_names)
{
  ck_assert(cf_hidden(CF_HIDDEN_DOOR));
}
END_TEST

int main(void)
{
  const struct cf_test tests[] = {
      {.tcase = "hidden", .test = test_names, .loops = CF_COUNT(names)},
      {.tcase = "hidden", .test = test_own_names},
  };
  return cf_test_run("hidden", tests, CF_COUNT(tests));
}
