/*
 * Hand out the entries of each directory in another order: preloaded into the programs of a build (ld.so(8)).
 *
 * All entries are read at the first call, and sorted by a hash of their names and of $KERNIX_ORDER. Programs that seek in
 * a directory get the kernel's order.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    DIR *directory;
    struct dirent **entries;
    size_t count, next;
    struct listing *other;
};

static struct listing *listings;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static uint64_t rank(const char *name)
{
    const char *seed = getenv("KERNIX_ORDER");
    uint64_t hash = 14695981039346656037u;
    for (; seed && *seed; seed++) hash = (hash ^ (unsigned char)*seed) * 1099511628211u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 1099511628211u;
    return hash ^ hash >> 29;
}

static int compare(const void *one, const void *other)
{
    const char *a = (*(struct dirent *const *)one)->d_name, *b = (*(struct dirent *const *)other)->d_name;
    uint64_t left = rank(a), right = rank(b);
    return left < right ? -1 : left > right ? 1 : strcmp(a, b);
}

static void forget(DIR *directory)
{
    for (struct listing **it = &listings; *it; it = &(*it)->other)
        if ((*it)->directory == directory) {
            struct listing *found = *it;
            *it = found->other;
            while (found->count) free(found->entries[--found->count]);
            free(found->entries);
            free(found);
            return;
        }
}

static struct listing *listing_of(DIR *directory)
{
    static struct dirent *(*real)(DIR *);
    for (struct listing *it = listings; it; it = it->other)
        if (it->directory == directory) return it;
    if (!real) real = (struct dirent * (*)(DIR *)) dlsym(RTLD_NEXT, "readdir");
    struct listing *made = calloc(1, sizeof *made);
    if (!made) return NULL;
    made->directory = directory;
    for (struct dirent *entry; (entry = real(directory));) {
        struct dirent **more = realloc(made->entries, (made->count + 1) * sizeof *more);
        if (!more) break;
        made->entries = more;
        if (!(more[made->count] = malloc(sizeof *entry))) break;
        memcpy(more[made->count++], entry, entry->d_reclen < sizeof *entry ? entry->d_reclen : sizeof *entry);
    }
    if (made->count) qsort(made->entries, made->count, sizeof *made->entries, compare);
    made->other = listings;
    return listings = made;
}

struct dirent *readdir(DIR *directory)
{
    int before = errno;
    pthread_mutex_lock(&lock);
    struct listing *found = listing_of(directory);
    struct dirent *entry = found && found->next < found->count ? found->entries[found->next++] : NULL;
    pthread_mutex_unlock(&lock);
    errno = before;
    return entry;
}

struct dirent64 *readdir64(DIR *directory)
{
    _Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "a 64-bit machine");
    return (struct dirent64 *)readdir(directory);
}

#define CALLS_FIRST(type, name, parameters, arguments)                                      \
    type name parameters                                                                    \
    {                                                                                       \
        static type(*real) parameters;                                                      \
        if (!real) real = (type(*) parameters)dlsym(RTLD_NEXT, #name);                      \
        pthread_mutex_lock(&lock);                                                          \
        forget(directory);                                                                  \
        pthread_mutex_unlock(&lock);                                                        \
        return real arguments;                                                              \
    }

CALLS_FIRST(int, closedir, (DIR * directory), (directory))
CALLS_FIRST(void, rewinddir, (DIR * directory), (directory))
CALLS_FIRST(void, seekdir, (DIR * directory, long place), (directory, place))
