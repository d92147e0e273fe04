/* Video devices without kernel drivers: LD_PRELOAD answers for /dev/video0, a camera, and /dev/video9, which shows what is
 * written to it to others (as v4l2loopback does), what a driver would.
 *
 * FAKE_V4L2: a file of raw YUYV pictures, shown again and again, FAKE_V4L2_SIZE (WxH) large, 25 a second. While that file
 * is away, so is the device: it cannot be opened, and whoever reads it is told ENODEV, as when a cable is pulled.
 * FAKE_V4L2_SHOWN: the file that gets what is written to /dev/video9.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "/dev/video0"
#define SHOW "/dev/video9"
#define BUFFERS 32
#define FRAME_NS 40000000L

static int device = -1, show = -1, frame, queued[BUFFERS], first, count;
static unsigned width, height;
static struct timespec due;

static unsigned size(void) { return width * height * 2; }
static unsigned place(int buffer) { return buffer * ((size() + 4095) & ~4095u); }  /* mmap wants whole pages */

static int plug(void) {
    const char *file = getenv("FAKE_V4L2"), *wanted = getenv("FAKE_V4L2_SIZE");
    if (file == NULL || wanted == NULL || sscanf(wanted, "%ux%u", &width, &height) != 2) return ENOENT;
    return access(file, R_OK) ? ENOENT : 0;
}

static int open_device(void) {
    if ((errno = plug())) return -1;
    device = memfd_create("fake_v4l2", 0);
    if (ftruncate(device, place(BUFFERS))) return -1;
    first = count = 0;
    return device;
}

#define OPEN(name)                                                                          \
    int name(const char *path, int flags, ...) {                                            \
        va_list rest;                                                                       \
        va_start(rest, flags);                                                              \
        mode_t mode = va_arg(rest, mode_t);                                                 \
        va_end(rest);                                                                       \
        if (!strcmp(path, DEVICE)) return open_device();                                    \
        int shows = !strcmp(path, SHOW) && getenv("FAKE_V4L2_SHOWN") != NULL;               \
        if (shows) path = getenv("FAKE_V4L2_SHOWN"), flags = O_CREAT | O_RDWR, mode = 0600; \
        int opened = ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, #name))(path, flags, mode); \
        if (shows) show = opened;                                                           \
        return opened;                                                                      \
    }
OPEN(open)
OPEN(open64)

static int fill(struct v4l2_buffer *buffer) {
    if (plug()) return ENODEV;
    if (!count) return EINVAL;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    int file = ((int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open"))(getenv("FAKE_V4L2"), O_RDONLY);
    if (file < 0) return ENODEV;
    int index = queued[first];
    first = (first + 1) % BUFFERS;
    count--;
    off_t pictures = lseek(file, 0, SEEK_END) / size();
    void *picture = malloc(size());
    ssize_t got = pictures ? pread(file, picture, size(), (off_t)size() * (frame++ % pictures)) : 0;
    close(file);
    if (got == (ssize_t)size()) got = pwrite(device, picture, size(), place(index));
    free(picture);
    if (got != (ssize_t)size()) return EIO;
    memset(buffer, 0, sizeof *buffer);
    buffer->index = index;
    buffer->bytesused = buffer->length = size();
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->timestamp.tv_sec = due.tv_sec;
    buffer->timestamp.tv_usec = due.tv_nsec / 1000;
    due.tv_nsec += FRAME_NS;
    if (due.tv_nsec >= 1000000000L) due.tv_nsec -= 1000000000L, due.tv_sec++;
    return 0;
}

static int show_answer(unsigned long request) { return request == VIDIOC_G_FMT || request == VIDIOC_S_FMT ? 0 : ENOTTY; }

static int answer(unsigned long request, void *given) {
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *can = given;
        memset(can, 0, sizeof *can);
        strcpy((char *)can->driver, "fake");
        can->capabilities = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
        return 0;
    }
    case VIDIOC_G_INPUT:
        *(int *)given = 0;
        return 0;
    case VIDIOC_ENUMINPUT:
        return ((struct v4l2_input *)given)->index ? EINVAL : 0;
    case VIDIOC_G_FMT:
    case VIDIOC_S_FMT: {
        struct v4l2_pix_format *format = &((struct v4l2_format *)given)->fmt.pix;
        format->width = width, format->height = height;
        format->pixelformat = V4L2_PIX_FMT_YUYV, format->field = V4L2_FIELD_NONE;
        format->bytesperline = width * 2, format->sizeimage = size();
        return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)given)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe.numerator = 1, capture->timeperframe.denominator = 25;
        return 0;
    }
    case VIDIOC_REQBUFS:
        if (((struct v4l2_requestbuffers *)given)->count > BUFFERS) ((struct v4l2_requestbuffers *)given)->count = BUFFERS;
        return 0;
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = given;
        buffer->length = size(), buffer->m.offset = place(buffer->index);
        return 0;
    }
    case VIDIOC_QBUF:
        queued[(first + count++) % BUFFERS] = ((struct v4l2_buffer *)given)->index;
        return 0;
    case VIDIOC_DQBUF:
        return fill(given);
    case VIDIOC_STREAMON:
        clock_gettime(CLOCK_MONOTONIC, &due);
        return 0;
    case VIDIOC_STREAMOFF:
        return 0;
    default:
        return ENOTTY;
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *given = va_arg(rest, void *);
    va_end(rest);
    if (show >= 0 && fd == show) return (errno = show_answer(request)) ? -1 : 0;
    if (device < 0 || fd != device) return ((int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl"))(fd, request, given);
    return (errno = answer(request, given)) ? -1 : 0;
}

int close(int fd) {
    if (fd == device) device = -1;
    if (fd == show) show = -1;
    return ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
}
