/* Loaded with LD_PRELOAD: allocations fail as a control file says, so that a test can switch it on and off.
 *
 * $FAILING_MALLOC names the file: three 64-bit numbers, shared with the test. [0]: of 10,000 allocations how
 * many fail; [1]: how many were asked for while that was not 0; [2]: how many failed. Which fail is a hash of
 * their number, so that a run with one thread and the same input fails at the same places.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void* __libc_malloc(size_t);
extern void* __libc_calloc(size_t, size_t);
extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);

static volatile uint64_t* control;

__attribute__((constructor)) static void begin(void) {
  const char* path = getenv("FAILING_MALLOC");
  int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (map != MAP_FAILED) control = map;
}

static int fails(void) {
  if (!control || control[0] == 0) return 0;
  uint64_t number = __atomic_add_fetch(&control[1], 1, __ATOMIC_RELAXED);
  uint64_t hash = number * 0x9E3779B97F4A7C15u;
  hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93u;
  if ((hash ^ (hash >> 32)) % 10000 >= control[0]) return 0;
  __atomic_add_fetch(&control[2], 1, __ATOMIC_RELAXED);
  errno = ENOMEM;
  return 1;
}

void* malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void* calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void* realloc(void* old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
void* memalign(size_t alignment, size_t size) { return fails() ? NULL : __libc_memalign(alignment, size); }
void* aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, size_t alignment, size_t size) {
  void* found = memalign(alignment, size);
  if (!found) return ENOMEM;
  *out = found;
  return 0;
}
