/* OpenBLAS, one matrix product a request: {"op": "gemm", "shape", "m", "n", "k", "threads", "seconds"}, a line each; the
   answer is a row as torch_peer.py gives it.
     cc -O2 openblas_peer.c -lopenblas */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Not in every cblas.h. */
void openblas_set_num_threads(int threads);
char *openblas_get_config(void);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static double number(const char *line, const char *key, double otherwise) {
  const char *at = strstr(line, key);
  return at ? atof(at + strlen(key)) : otherwise;
}

static float *filled(size_t floats) {
  float *memory = aligned_alloc(64, (floats * sizeof(float) + 63) / 64 * 64);
  if (!memory) exit(1);
  for (size_t i = 0; i < floats; i++) memory[i] = (float)rand() / (float)RAND_MAX * 2 - 1;
  return memory;
}

int main(void) {
  char version[64] = "openblas", line[4096];
  sscanf(openblas_get_config(), "OpenBLAS %50s", version + sprintf(version, "openblas-"));
  printf("{\"peer\": \"%s\"}\n", version);
  fflush(stdout);
  while (fgets(line, sizeof line, stdin)) {
    const int m = (int)number(line, "\"m\":", 0), n = (int)number(line, "\"n\":", 0), k = (int)number(line, "\"k\":", 0);
    const int threads = (int)number(line, "\"threads\":", 1);
    const double seconds = number(line, "\"seconds\":", 0.7), flop = 2.0 * m * n * k;
    if (m < 1 || n < 1 || k < 1) {
      printf("{\"peer\": \"%s\", \"error\": \"measures matrix products only\"}\n", version);
      fflush(stdout);
      continue;
    }
    openblas_set_num_threads(threads);
    float *a = filled((size_t)m * k), *b = filled((size_t)k * n), *c = filled((size_t)m * n);
    /* As many calls in a row as Hebb's benchmark makes, so that neither reading the clock nor the first call counts. */
    const long calls = (long)(4e7 * threads / flop) + 1;
    double best = 1e9;
    for (double end = now() + seconds; now() < end || best == 1e9;) {
      const double start = now();
      for (long i = 0; i < calls; i++)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a, k, b, n, 0, c, n);
      const double took = (now() - start) / (double)calls;
      if (took < best) best = took;
    }
    printf("{\"peer\": \"%s\", \"op\": \"gemm\", \"shape\": \"%dx%dx%d\", \"pass\": \"forward\", \"threads\": %d, "
           "\"gflops\": %.2f, \"us\": %.2f}\n",
           version, m, n, k, threads, flop / best / 1e9, best * 1e6);
    fflush(stdout);
    free(a), free(b), free(c);
  }
}
