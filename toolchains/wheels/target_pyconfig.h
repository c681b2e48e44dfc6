// Included before all else when a module is compiled for another machine than the headers of Python
// were made on: the sizes in pyconfig.h become the compiler's. What a distribution's own headers
// for that machine say is the same (compared for armhf, Python 3.9, 3.11 and 3.13).
#if __has_include(<pyconfig.h>)
#include <pyconfig.h>

#undef SIZEOF_LONG
#define SIZEOF_LONG __SIZEOF_LONG__
#undef SIZEOF_VOID_P
#define SIZEOF_VOID_P __SIZEOF_POINTER__
#undef SIZEOF_SIZE_T
#define SIZEOF_SIZE_T __SIZEOF_SIZE_T__
#undef SIZEOF_UINTPTR_T
#define SIZEOF_UINTPTR_T __SIZEOF_POINTER__
#undef SIZEOF_LONG_DOUBLE
#define SIZEOF_LONG_DOUBLE __SIZEOF_LONG_DOUBLE__
// glibc's are longs on all three machines.
#undef SIZEOF_PTHREAD_T
#define SIZEOF_PTHREAD_T __SIZEOF_LONG__
#undef SIZEOF_TIME_T
#define SIZEOF_TIME_T __SIZEOF_LONG__
#undef ALIGNOF_LONG
#define ALIGNOF_LONG __SIZEOF_LONG__
#undef ALIGNOF_SIZE_T
#define ALIGNOF_SIZE_T __SIZEOF_SIZE_T__
#undef ALIGNOF_MAX_ALIGN_T
#define ALIGNOF_MAX_ALIGN_T (2 * __SIZEOF_POINTER__)

#ifndef __SIZEOF_INT128__
#undef HAVE_GCC_UINT128_T
#undef HAVE___UINT128_T
#endif
// Python 3.8's headers include <crypt.h> for it, which is not glibc's any more.
#undef HAVE_CRYPT_H
#endif
