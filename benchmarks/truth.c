/* A target that is exact and knows how exact: what a load generator reads is held against what it tells of itself.
 *
 *     truth [certificate.pem]        prints its port; with a certificate, and built with -DTLS, it speaks TLS
 *
 * GET /fast is answered at once, /fixed/50 when 50 ms have passed since the kernel received the request, and /truth with the
 * percentiles of how long the answers since the last /truth took, in ms, from the kernel's receive stamp to the send.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef TLS
#include <openssl/ssl.h>
static SSL_CTX *context;
static SSL *sessions[65536];
#endif

#define MOST 65536
#define SAMPLES 4000000
static const char OK[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

struct due { int64_t at, came; int fd, life; };
static struct due heap[MOST];
static int waiting, lives[MOST]; /* a descriptor is used again for another connection: what waited for the former is void */
static float took[SAMPLES];
static size_t taken;

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void push(struct due d) {
    int i = waiting++;
    for (; i && heap[(i - 1) / 2].at > d.at; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = d;
}

static struct due pop(void) {
    struct due top = heap[0], last = heap[--waiting];
    int i = 0, child;
    while ((child = 2 * i + 1) < waiting) {
        if (child + 1 < waiting && heap[child + 1].at < heap[child].at) child++;
        if (heap[child].at >= last.at) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return top;
}

static void forget(int fd) {
#ifdef TLS
    SSL_free(sessions[fd]);
    sessions[fd] = NULL;
#endif
    lives[fd]++;
    close(fd);
}

static int say(int fd, const char *text, int length) {
#ifdef TLS
    if (context) return sessions[fd] ? SSL_write(sessions[fd], text, length) : -1;
#endif
    return send(fd, text, length, MSG_NOSIGNAL);
}

static void answer(struct due d) {
    if (lives[d.fd] == d.life && say(d.fd, OK, sizeof OK - 1) > 0 && taken < SAMPLES) took[taken++] = (now() - d.came) / 1e6;
}

static int ascending(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(int percent) { return taken ? took[(taken * percent + 99) / 100 - 1] : 0; }

static void tell(int fd) {
    char body[200], text[400];
    qsort(took, taken, sizeof *took, ascending);
    int length = snprintf(body, sizeof body, "{\"count\": %zu, \"p50\": %.4f, \"p95\": %.4f, \"p99\": %.4f}", taken,
                          percentile(50), percentile(95), percentile(99));
    length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, body);
    say(fd, text, length);
    taken = 0;
}

/* Bytes of a request and when the kernel had them; 0 when there are none yet, -1 when the connection is over. */
static int hear(int fd, char *data, int most, int64_t *came) {
#ifdef TLS
    if (context) {
        int count = SSL_read(sessions[fd], data, most);
        *came = now();
        return count > 0 ? count : SSL_get_error(sessions[fd], count) == SSL_ERROR_WANT_READ ? 0 : -1;
    }
#endif
    char beside[64];
    struct iovec part = {data, most};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = beside, .msg_controllen = sizeof beside};
    int count = recvmsg(fd, &message, 0);
    *came = now();
    struct cmsghdr *told = count > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (told && told->cmsg_type == SCM_TIMESTAMPNS) {
        struct timespec t;
        memcpy(&t, CMSG_DATA(told), sizeof t);
        *came = t.tv_sec * 1000000000LL + t.tv_nsec;
    }
    return count > 0 ? count : count < 0 && errno == EAGAIN ? 0 : -1;
}

static void readable(int fd) {
    char data[4096], *path;
    int64_t came;
    int count = hear(fd, data, sizeof data - 1, &came);
    if (count < 0) forget(fd);
    if (count <= 0) return;
    data[count] = 0;
    if (!(path = strchr(data, ' '))) return;
    if (!strncmp(path, " /truth", 7)) {
        tell(fd);
        return;
    }
    int64_t ms = strncmp(path, " /fixed/", 8) ? 0 : atoi(path + 8);
    struct due d = {came + ms * 1000000, came, fd, lives[fd]};
    if (ms && waiting < MOST) push(d);
    else answer(d);
}

static void welcome(int poll, int listener) {
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
#ifdef TLS
        if (context) {
            sessions[fd] = SSL_new(context);
            SSL_set_fd(sessions[fd], fd);
            SSL_set_accept_state(sessions[fd]);
        }
#endif
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
}

static int listening(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof at;
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 4096)) {
        perror("listen");
        exit(1);
    }
    getsockname(listener, (void *)&at, &length);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **words) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max < MOST ? files.rlim_max : MOST;
    setrlimit(RLIMIT_NOFILE, &files);
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
#ifdef TLS
    if (count > 1) {
        context = SSL_CTX_new(TLS_server_method());
        if (SSL_CTX_use_certificate_chain_file(context, words[1]) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, words[1], SSL_FILETYPE_PEM) != 1) {
            fprintf(stderr, "no certificate in %s\n", words[1]);
            return 1;
        }
    }
#endif
    (void)count, (void)words;
    int poll = epoll_create1(0), listener = listening();
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int64_t left = waiting ? heap[0].at - now() : 0;
        struct timespec wait = {left > 0 ? left / 1000000000 : 0, left > 0 ? left % 1000000000 : 0};
        int found = epoll_pwait2(poll, events, 512, waiting ? &wait : NULL, NULL);
        for (int i = 0; i < found; i++) {
            if (events[i].data.fd == listener) welcome(poll, listener);
            else readable(events[i].data.fd);
        }
        for (int64_t t = now(); waiting && heap[0].at <= t;) answer(pop());
    }
}
