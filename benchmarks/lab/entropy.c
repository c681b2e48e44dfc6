/* The entropy decoding of a JPEG alone, through libjpeg: no DCT, no colours. It writes the
 * coefficients to memory, as no decoder need do, so it is close to a lower bound, not below it. */
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <jpeglib.h>

static jmp_buf failed;

static void fail(j_common_ptr info) {
  (void)info;
  longjmp(failed, 1);
}

/* Nanoseconds, or -1. `blocks` receives how many 8x8 blocks of luma were decoded. */
int64_t entropy_decode(const uint8_t* data, uint64_t size, int64_t* blocks) {
  struct timespec begin, end;
  struct jpeg_decompress_struct info;
  struct jpeg_error_mgr errors;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
  info.err = jpeg_std_error(&errors);
  errors.error_exit = fail;
  jpeg_create_decompress(&info);
  if (setjmp(failed)) {
    jpeg_destroy_decompress(&info);
    return -1;
  }
  jpeg_mem_src(&info, (unsigned char*)data, (unsigned long)size);
  jpeg_read_header(&info, TRUE);
  jpeg_read_coefficients(&info);
  *blocks = (int64_t)info.comp_info[0].width_in_blocks * info.comp_info[0].height_in_blocks;
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  return (int64_t)(end.tv_sec - begin.tv_sec) * 1000000000 + (end.tv_nsec - begin.tv_nsec);
}
