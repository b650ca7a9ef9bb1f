/* A stand-in for Bedrock that costs next to nothing: one thread, epoll, answers made of prebuilt bytes.
 *
 *   upstream [PORT]      listens on 127.0.0.1, prints "port N", ends on SIGTERM.
 *
 *   POST /control?answer=PATH&frames=N&interval=U&type=TYPE
 *       From now on every answer is the one in PATH: records of a big-endian u32 length and that many bytes, a frame each.
 *       N frames a write (0: all at once), the next write U microseconds after the one before; TYPE is its content type.
 *   GET /stats           {"requests":n,"open":being answered,"left":whose peer went first,"whole":sent to the end}
 *   any other POST       the answer: chunked, one HTTP chunk a frame, however many of them share a write.
 *   any other GET        an empty JSON list.
 *
 * Writes are paced without drift: the k-th is due at start + k * U, however late the one before was.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_CONNECTIONS = 4096, MAX_HEAD = 32768, READ_SIZE = 1 << 18, MAX_EVENTS = 512 };

/* All of an answer's bytes, and where each of its writes ends. Kept for good: streams may still be sending an old one. */
struct answer {
    char *bytes;
    size_t *ends;
    size_t writes;
    uint64_t interval_ns;
};

enum state { READING_HEAD, READING_BODY, READING_CHUNKS, ANSWERING };

struct connection {
    int fd;
    enum state state;
    char head[MAX_HEAD];
    size_t head_length;
    uint64_t body_left;
    int chunk_state;
    uint64_t chunk_left;
    bool chunk_last;
    /* The stream being answered. */
    const struct answer *answer;
    size_t sent;
    size_t write;
    uint64_t began;
    bool waiting_for_room;
    size_t heap_place;
};

static struct connection *connections[MAX_CONNECTIONS];
static struct connection *heap[MAX_CONNECTIONS];
static size_t heap_size;
static struct answer *current;
static int poller, timer;
static uint64_t requests, left_early, whole, open_streams;
static volatile sig_atomic_t ending;
static char input[READ_SIZE];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* --- the streams that wait for their next write, by the time it is due */

static uint64_t due(const struct connection *c) {
    return c->began + c->write * c->answer->interval_ns;
}

static void heap_put(struct connection *c, size_t place) {
    heap[place] = c;
    c->heap_place = place;
}

static void heap_up(struct connection *c, size_t place) {
    while (place > 1 && due(heap[place / 2]) > due(c)) {
        heap_put(heap[place / 2], place);
        place /= 2;
    }
    heap_put(c, place);
}

static void heap_down(struct connection *c, size_t place) {
    for (;;) {
        size_t child = place * 2;
        if (child > heap_size)
            break;
        if (child < heap_size && due(heap[child + 1]) < due(heap[child]))
            child++;
        if (due(heap[child]) >= due(c))
            break;
        heap_put(heap[child], place);
        place = child;
    }
    heap_put(c, place);
}

static void heap_add(struct connection *c) {
    heap_size++;
    heap_up(c, heap_size);
}

static void heap_remove(struct connection *c) {
    size_t place = c->heap_place;
    if (place == 0)
        return;
    c->heap_place = 0;
    struct connection *last = heap[heap_size--];
    if (last == c)
        return;
    if (place > 1 && due(heap[place / 2]) > due(last))
        heap_up(last, place);
    else
        heap_down(last, place);
}

static void set_timer(void) {
    struct itimerspec when = {0};
    if (heap_size > 0) {
        uint64_t at = due(heap[1]);
        when.it_value.tv_sec = (time_t)(at / 1000000000u);
        when.it_value.tv_nsec = (long)(at % 1000000000u);
    }
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* --- answers */

static void append(char **to, const void *bytes, size_t length) {
    memcpy(*to, bytes, length);
    *to += length;
}

/* Returns NULL when the file cannot be read or its records do not fit it. */
static struct answer *load_answer(const char *path, size_t frames_a_write, uint64_t interval_us, const char *type) {
    int file = open(path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        return NULL;
    size_t size = (size_t)status.st_size;
    unsigned char *records = malloc(size + 1);
    if (records == NULL || read(file, records, size) != (ssize_t)size) {
        close(file);
        free(records);
        return NULL;
    }
    close(file);
    size_t count = 0;
    for (size_t at = 0; at < size; count++) {
        if (size - at < 4)
            return NULL;
        uint32_t length;
        memcpy(&length, records + at, 4);
        length = ntohl(length);
        if (size - at - 4 < length)
            return NULL;
        at += 4 + length;
    }
    if (count == 0)
        return NULL;
    if (frames_a_write == 0)
        frames_a_write = count;
    struct answer *answer = calloc(1, sizeof *answer);
    answer->bytes = malloc(size + count * 16 + 1024);
    answer->ends = calloc(count / frames_a_write + 2, sizeof *answer->ends);
    answer->interval_ns = interval_us * 1000;
    char *to = answer->bytes, text[512];
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 200 OK\r\ncontent-type: %s\r\nx-amzn-requestid: bench\r\n"
                          "transfer-encoding: chunked\r\n\r\n",
                          type);
    append(&to, text, (size_t)length);
    size_t at = 0;
    for (size_t frame = 0; frame < count; frame++) {
        uint32_t bytes;
        memcpy(&bytes, records + at, 4);
        bytes = ntohl(bytes);
        length = snprintf(text, sizeof text, "%x\r\n", bytes);
        append(&to, text, (size_t)length);
        append(&to, records + at + 4, bytes);
        append(&to, "\r\n", 2);
        at += 4 + bytes;
        bool last = frame + 1 == count;
        if (last)
            append(&to, "0\r\n\r\n", 5);
        if (last || (frame + 1) % frames_a_write == 0)
            answer->ends[answer->writes++] = (size_t)(to - answer->bytes);
    }
    free(records);
    return answer;
}

/* --- connections */

static void watch(struct connection *c, bool for_room) {
    c->waiting_for_room = for_room;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | (for_room ? EPOLLOUT : 0), .data.fd = c->fd};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

static void close_connection(struct connection *c) {
    if (c->state == ANSWERING) {
        left_early++;
        open_streams--;
    }
    heap_remove(c);
    connections[c->fd] = NULL;
    close(c->fd);
    free(c);
}

static void send_small(struct connection *c, const char *type, const char *body) {
    char text[1024];
    int length = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %zu\r\n\r\n%s", type,
                          strlen(body), body);
    /* A fresh socket has room for a kilobyte. */
    if (write(c->fd, text, (size_t)length) != length)
        fprintf(stderr, "upstream: a short answer was not taken\n");
}

static void next_request(struct connection *c) {
    c->state = READING_HEAD;
    c->head_length = 0;
}

/* Sends what is due. Returns false when the connection has been closed. */
static bool continue_answer(struct connection *c) {
    for (;;) {
        size_t end = c->answer->ends[c->write];
        while (c->sent < end) {
            ssize_t taken = write(c->fd, c->answer->bytes + c->sent, end - c->sent);
            if (taken < 0 && errno == EAGAIN) {
                if (!c->waiting_for_room)
                    watch(c, true);
                return true;
            }
            if (taken < 0) {
                close_connection(c);
                return false;
            }
            c->sent += (size_t)taken;
        }
        if (c->waiting_for_room)
            watch(c, false);
        c->write++;
        if (c->write == c->answer->writes) {
            whole++;
            open_streams--;
            next_request(c);
            return true;
        }
        if (c->answer->interval_ns > 0 && due(c) > now_ns()) {
            heap_add(c);
            return true;
        }
    }
}

static bool begin_answer(struct connection *c) {
    if (current == NULL) {
        send_small(c, "application/json", "{\"message\":\"no answer was set with POST /control\"}");
        next_request(c);
        return true;
    }
    c->state = ANSWERING;
    c->answer = current;
    c->sent = 0;
    c->write = 0;
    c->began = now_ns();
    open_streams++;
    return continue_answer(c);
}

static const char *parameter(char *query, const char *name) {
    size_t length = strlen(name);
    for (char *at = query; at != NULL; at = strchr(at, '&')) {
        at++;
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    }
    return NULL;
}

static void control(struct connection *c, char *query) {
    char answer[4096] = "", type[256] = "application/vnd.amazon.eventstream";
    const char *value = parameter(query, "answer");
    if (value != NULL)
        snprintf(answer, sizeof answer, "%.*s", (int)strcspn(value, "& "), value);
    value = parameter(query, "type");
    if (value != NULL)
        snprintf(type, sizeof type, "%.*s", (int)strcspn(value, "& "), value);
    value = parameter(query, "frames");
    size_t frames = value != NULL ? strtoul(value, NULL, 10) : 0;
    value = parameter(query, "interval");
    uint64_t interval_us = value != NULL ? strtoul(value, NULL, 10) : 0;
    struct answer *loaded = load_answer(answer, frames, interval_us, type);
    if (loaded == NULL) {
        static const char refusal[] = "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        if (write(c->fd, refusal, sizeof refusal - 1) < 0)
            perror("upstream");
        return;
    }
    current = loaded;
    send_small(c, "application/json", "{}");
}

/* The request is here. Returns false when the connection has been closed. */
static bool answer_request(struct connection *c) {
    if (strncmp(c->head, "POST /control?", 14) == 0) {
        char *query = c->head + 13;
        query[strcspn(query, " \r\n")] = '\0';
        control(c, query);
    } else if (strncmp(c->head, "POST ", 5) == 0) {
        requests++;
        return begin_answer(c);
    } else if (strncmp(c->head, "GET /stats", 10) == 0) {
        char text[256];
        snprintf(text, sizeof text, "{\"requests\":%llu,\"open\":%llu,\"left\":%llu,\"whole\":%llu}",
                 (unsigned long long)requests, (unsigned long long)open_streams, (unsigned long long)left_early,
                 (unsigned long long)whole);
        send_small(c, "application/json", text);
    } else {
        send_small(c, "application/json", "[]");
    }
    next_request(c);
    return true;
}

static const char *header(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " ");
    }
    return NULL;
}

static void head_is_here(struct connection *c) {
    const char *value = header(c->head, "expect");
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (value != NULL && strncasecmp(value, "100-continue", 12) == 0 && write(c->fd, go_on, sizeof go_on - 1) < 0)
        perror("upstream");
    value = header(c->head, "transfer-encoding");
    if (value != NULL && strncasecmp(value, "chunked", 7) == 0) {
        c->state = READING_CHUNKS;
        c->chunk_state = 0;
        c->chunk_left = 0;
        c->chunk_last = false;
        return;
    }
    value = header(c->head, "content-length");
    c->body_left = value != NULL ? strtoull(value, NULL, 10) : 0;
    c->state = READING_BODY;
}

/* The size lines, data and trailers of a chunked body. Returns how much of it was used; `*done` at its end. */
static size_t skip_chunks(struct connection *c, const char *bytes, size_t length, bool *done) {
    enum { SIZE, EXTENSION, DATA, DATA_END, TRAILER_START, TRAILER };
    size_t at = 0;
    while (at < length && !*done) {
        char byte = bytes[at];
        switch (c->chunk_state) {
        case SIZE:
        case EXTENSION:
            at++;
            if (byte == '\n') {
                c->chunk_last = c->chunk_left == 0;
                c->chunk_state = c->chunk_last ? TRAILER_START : DATA;
            } else if (c->chunk_state == SIZE) {
                int digit = byte >= '0' && byte <= '9' ? byte - '0' : (byte | 32) >= 'a' && (byte | 32) <= 'f' ? (byte | 32) - 'a' + 10 : -1;
                if (digit < 0)
                    c->chunk_state = EXTENSION;
                else
                    c->chunk_left = c->chunk_left * 16 + (uint64_t)digit;
            }
            break;
        case DATA: {
            size_t piece = length - at < c->chunk_left ? length - at : (size_t)c->chunk_left;
            at += piece;
            c->chunk_left -= piece;
            if (c->chunk_left == 0)
                c->chunk_state = DATA_END;
            break;
        }
        case DATA_END:
            at++;
            if (byte == '\n')
                c->chunk_state = SIZE;
            break;
        case TRAILER_START:
            at++;
            if (byte == '\n')
                *done = true;
            else if (byte != '\r')
                c->chunk_state = TRAILER;
            break;
        default:
            at++;
            if (byte == '\n')
                c->chunk_state = TRAILER_START;
        }
    }
    return at;
}

/* Returns false when the connection has been closed. */
static bool take_input(struct connection *c, const char *bytes, size_t length) {
    size_t at = 0;
    do {
        if (c->state == READING_HEAD) {
            size_t before = c->head_length, piece = length - at;
            if (piece > MAX_HEAD - 1 - before)
                piece = MAX_HEAD - 1 - before;
            memcpy(c->head + before, bytes + at, piece);
            c->head[before + piece] = '\0';
            char *end = strstr(c->head + (before > 3 ? before - 3 : 0), "\r\n\r\n");
            if (end == NULL) {
                c->head_length += piece;
                if (c->head_length >= MAX_HEAD - 1) {
                    close_connection(c);
                    return false;
                }
                return true;
            }
            size_t head_length = (size_t)(end - c->head) + 4;
            c->head[head_length - 2] = '\0';
            at += head_length - before;
            head_is_here(c);
        }
        bool done = false;
        if (c->state == READING_BODY) {
            size_t piece = length - at < c->body_left ? length - at : (size_t)c->body_left;
            at += piece;
            c->body_left -= piece;
            done = c->body_left == 0;
        } else if (c->state == READING_CHUNKS) {
            at += skip_chunks(c, bytes + at, length - at, &done);
        }
        if (done && !answer_request(c))
            return false;
    } while (at < length && c->state != ANSWERING);
    return true;
}

static void readable(struct connection *c) {
    ssize_t length = read(c->fd, input, sizeof input);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0) {
        close_connection(c);
        return;
    }
    take_input(c, input, (size_t)length);
}

static void accept_all(int listener) {
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        struct connection *c = fd < MAX_CONNECTIONS ? malloc(sizeof *c) : NULL;
        if (c == NULL) {
            close(fd);
            continue;
        }
        memset(c, 0, offsetof(struct connection, head));
        memset((char *)c + offsetof(struct connection, head_length), 0, sizeof *c - offsetof(struct connection, head_length));
        c->fd = fd;
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        connections[fd] = c;
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    }
}

static void write_what_is_due(void) {
    uint64_t expirations;
    if (read(timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
        die("timer");
    uint64_t now = now_ns();
    while (heap_size > 0 && due(heap[1]) <= now) {
        struct connection *c = heap[1];
        heap_remove(c);
        continue_answer(c);
    }
}

static void end(int signal_number) {
    (void)signal_number;
    ending = 1;
}

static int listen_on(uint16_t port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0)
        die("listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    printf("port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = end};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    /* Taken while it waits and at no other time: a signal just before a wait would be forgotten in it. */
    sigset_t while_working, while_waiting;
    sigemptyset(&while_working);
    sigaddset(&while_working, SIGTERM);
    sigaddset(&while_working, SIGINT);
    sigprocmask(SIG_BLOCK, &while_working, &while_waiting);
    sigdelset(&while_waiting, SIGTERM);
    sigdelset(&while_waiting, SIGINT);
    int listener = listen_on((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    poller = epoll_create1(EPOLL_CLOEXEC);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = timer;
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &event);
    while (!ending) {
        set_timer();
        struct epoll_event events[MAX_EVENTS];
        int count = epoll_pwait(poller, events, MAX_EVENTS, -1, &while_waiting);
        bool arrivals = false;
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                arrivals = true;
            else if (fd == timer)
                write_what_is_due();
            else if (connections[fd] != NULL && (events[i].events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0)
                close_connection(connections[fd]);
            else if (connections[fd] != NULL && (events[i].events & EPOLLOUT) != 0)
                continue_answer(connections[fd]);
            else if (connections[fd] != NULL)
                readable(connections[fd]);
        }
        /* Last: a descriptor that was closed above may be given out again, and an event of the old one is not its own. */
        if (arrivals)
            accept_all(listener);
    }
    return 0;
}
