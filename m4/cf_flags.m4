# SPDX-License-Identifier: MIT
# One compiler or linker flag at a time: kept only where it works with the flags
# already kept and the user's own, and without a warning.

# CF_TRY_CFLAG(VARIABLE, FLAG, [IF-NOT])
AC_DEFUN([CF_TRY_CFLAG], [
  AC_MSG_CHECKING([whether $CC takes $2])
  cf_save_CFLAGS=$CFLAGS
  CFLAGS="$[$1] $2 $CFLAGS -Werror"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]],
      [[char b[16]; memset(b, 0, sizeof b); return b[0];]])],
    [cf_flag=yes], [cf_flag=no])
  CFLAGS=$cf_save_CFLAGS
  AC_MSG_RESULT([$cf_flag])
  AS_IF([test "$cf_flag" = yes], [AS_VAR_APPEND([$1], [" $2"])], [$3])
])

# CF_TRY_LDFLAG(VARIABLE, FLAG, [IF-NOT])
AC_DEFUN([CF_TRY_LDFLAG], [
  AC_MSG_CHECKING([whether the linker takes $2])
  cf_save_CFLAGS=$CFLAGS
  cf_save_LDFLAGS=$LDFLAGS
  CFLAGS="$CF_HARDEN_CFLAGS $CFLAGS -Werror"
  LDFLAGS="$[$1] $2 $LDFLAGS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [cf_flag=yes], [cf_flag=no])
  CFLAGS=$cf_save_CFLAGS
  LDFLAGS=$cf_save_LDFLAGS
  AC_MSG_RESULT([$cf_flag])
  AS_IF([test "$cf_flag" = yes], [AS_VAR_APPEND([$1], [" $2"])], [$3])
])
