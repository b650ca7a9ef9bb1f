/* The clients: S connections that send one request R times each, and compare every reply with the first, byte for byte.
 *
 *   load --port P --request FILE [--streams S] [--requests R] [--first TEXT] [--event TEXT] [--save FILE]
 *        [--leave-after N] [--spread-us U] [--pause-us U] [--timeout-s T] [--reconnect] [--expect FILE] [--random-starts]
 *
 * FILE holds the bytes of one whole HTTP request. One more request is sent before all others: its reply is what the others
 * must equal, and it is not in the figures. Left out of the comparison is what differs by right: the values of "id" and
 * "created". TEXT of --event is counted, TEXT of --first ends the time to the first token; a gap is the time between two
 * reads of a stream that brought events. --leave-after hangs up behind the N-th event. --reconnect takes a new connection
 * for each request. --expect takes the reply that all must equal from a file of --save. Streams begin U microseconds
 * (--spread-us) after each other, or with --random-starts at random moments within as much for all. Prints one JSON
 * object; exits with 1, and says why, if that first reply was no whole 200.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 18, HEAD_SIZE = 8192, MAX_EVENTS = 512, MAX_SAMPLES = 8000000 };

/* --- what was asked for */

static int port;
static const char *request_path, *save_path, *expect_path;
static const char *first_text = "text_delta", *event_text = "event: content_block_delta";
static size_t streams = 1, requests_each = 1, leave_after;
static uint64_t spread_us, pause_us;
static double timeout_s = 60;
static bool reconnect, random_starts;

static char *request;
static size_t request_length;

/* --- the reply that all others must equal, without what may differ */

static char *reference;
static size_t reference_length, reference_size;
static size_t *event_ends, event_count, first_end;

/* --- the figures */

struct samples {
    uint32_t *values;
    size_t count, size;
};

static struct samples firsts, gaps;
static uint64_t begun, whole, left, wrong, failed, events_seen, body_bytes;

enum phase { IDLE, CONNECTING, SENDING, HEAD, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, LENGTH, UNTIL_CLOSE };

/* Leaves out the value behind each of the names whose values differ from reply to reply. */
struct filter {
    unsigned char place[3];
    unsigned char inside;
};

struct stream {
    int fd;
    enum phase phase;
    size_t done_requests;
    size_t sent;
    char head[HEAD_SIZE];
    size_t head_length;
    uint64_t left_in_part;
    bool line_has_bytes, closes, differs, good_status;
    struct filter filter;
    size_t position;
    size_t next_event;
    bool first_seen;
    uint64_t asked, last_event, starts;
};

static int poller;
static size_t unfinished;
static char input[READ_SIZE], filtered[READ_SIZE];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

static void add_sample(struct samples *samples, uint64_t value) {
    if (samples->count >= MAX_SAMPLES)
        return;
    if (samples->count == samples->size) {
        samples->size = samples->size > 0 ? samples->size * 2 : 1024;
        samples->values = realloc(samples->values, samples->size * sizeof *samples->values);
    }
    samples->values[samples->count++] = value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

/* --- the filter */

enum { NAME_COUNT = 3 };
static const char *const NAMES[NAME_COUNT] = {"\"id\":\"", "\"id\": \"", "\"created\":"};
static unsigned char fallback[NAME_COUNT][16];

static void prepare_filter(void) {
    for (int n = 0; n < NAME_COUNT; n++) {
        const char *name = NAMES[n];
        unsigned char border = 0;
        for (unsigned char i = 1; name[i] != '\0'; i++) {
            while (border > 0 && name[i] != name[border])
                border = fallback[n][border - 1];
            if (name[i] == name[border])
                border++;
            fallback[n][i] = border;
        }
    }
}

static size_t filter_bytes(struct filter *f, const char *from, size_t length, char *to) {
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        char byte = from[i];
        if (f->inside == 1 || f->inside == 2) {
            if (byte != '"')
                continue;
            f->inside = 0;
        } else if (f->inside == 3) {
            if (byte >= '0' && byte <= '9')
                continue;
            f->inside = 0;
        }
        to[out++] = byte;
        for (int n = 0; n < NAME_COUNT; n++) {
            unsigned char place = f->place[n];
            while (place > 0 && NAMES[n][place] != byte)
                place = fallback[n][place - 1];
            if (NAMES[n][place] == byte)
                place++;
            if (NAMES[n][place] == '\0') {
                f->inside = (unsigned char)(n + 1);
                place = 0;
            }
            f->place[n] = place;
        }
    }
    return out;
}

static void grow_reference(const char *bytes, size_t length) {
    if (reference_length + length > reference_size) {
        reference_size = (reference_length + length) * 2;
        reference = realloc(reference, reference_size);
    }
    memcpy(reference + reference_length, bytes, length);
    reference_length += length;
}

/* Turns the raw bytes of the first reply into the reference, and notes where in it the events end. */
static void make_reference(void) {
    size_t text = strlen(event_text), ends = 0, size = 1024, out = 0;
    char *raw = reference;
    size_t raw_length = reference_length;
    event_ends = malloc(size * sizeof *event_ends);
    size_t *raw_ends = malloc(size * sizeof *raw_ends);
    for (char *at = raw; (at = memmem(at, raw_length - (size_t)(at - raw), event_text, text)) != NULL; at += text) {
        if (ends == size) {
            size *= 2;
            raw_ends = realloc(raw_ends, size * sizeof *raw_ends);
            event_ends = realloc(event_ends, size * sizeof *event_ends);
        }
        raw_ends[ends++] = (size_t)(at - raw) + text;
    }
    char *first = memmem(raw, raw_length, first_text, strlen(first_text));
    size_t raw_first = first != NULL ? (size_t)(first - raw) + strlen(first_text) : raw_length;
    reference = malloc(raw_length + 1);
    struct filter filter = {0};
    size_t event = 0;
    for (size_t i = 0; i < raw_length; i++) {
        out += filter_bytes(&filter, raw + i, 1, reference + out);
        if (i + 1 == raw_first)
            first_end = out;
        if (event < ends && i + 1 == raw_ends[event])
            event_ends[event++] = out;
    }
    reference_length = out;
    event_count = ends;
    if (save_path != NULL) {
        int file = open(save_path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
        if (file < 0 || write(file, raw, raw_length) != (ssize_t)raw_length)
            die(save_path);
        close(file);
    }
    free(raw_ends);
    free(raw);
}

/* --- one stream */

static bool is_warm_up;
static char first_bytes[301];

static void watch(struct stream *s, uint32_t events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = s};
    if (epoll_ctl(poller, how, s->fd, &event) < 0)
        die("epoll_ctl");
}

static void disconnect(struct stream *s) {
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static void begin(struct stream *s);

enum outcome { WHOLE, LEFT, FAILED };

static void finish(struct stream *s, enum outcome outcome) {
    if (outcome == WHOLE && !is_warm_up && (s->differs || s->position != reference_length))
        wrong++;
    else if (outcome == WHOLE && s->good_status)
        whole++;
    else if (outcome == LEFT)
        left++;
    else
        failed++;
    if (outcome != WHOLE || s->closes || reconnect)
        disconnect(s);
    s->phase = IDLE;
    s->done_requests++;
    if (s->done_requests >= (is_warm_up ? 1 : requests_each)) {
        disconnect(s);
        unfinished--;
        return;
    }
    s->starts = now_us() + pause_us;
    if (pause_us == 0)
        begin(s);
}

static void send_more(struct stream *s) {
    while (s->sent < request_length) {
        ssize_t taken = write(s->fd, request + s->sent, request_length - s->sent);
        if (taken < 0 && errno == EAGAIN) {
            watch(s, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (taken < 0) {
            finish(s, FAILED);
            return;
        }
        s->sent += (size_t)taken;
    }
    watch(s, EPOLLIN, EPOLL_CTL_MOD);
    s->phase = HEAD;
}

static void begin(struct stream *s) {
    begun++;
    s->sent = s->head_length = s->position = s->next_event = 0;
    s->differs = s->first_seen = s->closes = s->good_status = false;
    memset(&s->filter, 0, sizeof s->filter);
    s->asked = now_us();
    s->last_event = 0;
    if (s->fd >= 0) {
        s->phase = SENDING;
        send_more(s);
        return;
    }
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        die("socket");
    int on = 1;
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->phase = CONNECTING;
    if (connect(s->fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS)
        die("connect");
    watch(s, EPOLLIN | EPOLLOUT, EPOLL_CTL_ADD);
}

/* Some bytes of the body. Returns false when the reply has been left. */
static bool take_body(struct stream *s, const char *bytes, size_t length, uint64_t now) {
    if (is_warm_up) {
        grow_reference(bytes, length);
        return true;
    }
    body_bytes += length;
    size_t count = filter_bytes(&s->filter, bytes, length, filtered);
    if (s->position + count > reference_length || memcmp(reference + s->position, filtered, count) != 0)
        s->differs = true;
    s->position += count;
    if (!s->first_seen && s->position >= first_end) {
        s->first_seen = true;
        add_sample(&firsts, now - s->asked);
    }
    size_t before = s->next_event;
    while (s->next_event < event_count && event_ends[s->next_event] <= s->position)
        s->next_event++;
    if (s->next_event == before)
        return true;
    events_seen += s->next_event - before;
    if (s->last_event != 0 && now > s->last_event)
        add_sample(&gaps, now - s->last_event);
    s->last_event = now;
    if (leave_after > 0 && s->next_event >= leave_after) {
        finish(s, LEFT);
        return false;
    }
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

static void head_is_here(struct stream *s) {
    s->good_status = strncmp(s->head, "HTTP/1.1 200", 12) == 0;
    const char *value = header(s->head, "connection");
    s->closes = value != NULL && strncasecmp(value, "close", 5) == 0;
    value = header(s->head, "transfer-encoding");
    if (value != NULL && strncasecmp(value, "chunked", 7) == 0) {
        s->phase = CHUNK_SIZE;
        s->left_in_part = 0;
    } else if ((value = header(s->head, "content-length")) != NULL) {
        s->phase = LENGTH;
        s->left_in_part = strtoull(value, NULL, 10);
    } else {
        s->phase = UNTIL_CLOSE;
        s->closes = true;
    }
    if (is_warm_up)
        snprintf(first_bytes, sizeof first_bytes, "%.300s", s->head);
}

/* What has been read. Stops at the end of the reply: no client sends its next request before that. */
static void take_input(struct stream *s, const char *bytes, size_t length, uint64_t now) {
    size_t at = 0;
    while (at < length) {
        size_t piece = length - at;
        char byte = bytes[at];
        switch (s->phase) {
        case HEAD: {
            if (s->head_length == HEAD_SIZE - 1) {
                finish(s, FAILED);
                return;
            }
            s->head[s->head_length++] = byte;
            s->head[s->head_length] = '\0';
            at++;
            if (byte == '\n' && s->head_length >= 4 && memcmp(s->head + s->head_length - 4, "\r\n\r\n", 4) == 0) {
                head_is_here(s);
                if (s->phase == LENGTH && s->left_in_part == 0) {
                    finish(s, WHOLE);
                    return;
                }
            }
            break;
        }
        case CHUNK_SIZE:
            at++;
            if (byte == '\n') {
                s->line_has_bytes = false;
                s->phase = s->left_in_part == 0 ? TRAILER : CHUNK_DATA;
            } else if (byte != '\r') {
                int digit = byte >= '0' && byte <= '9' ? byte - '0' : ((byte | 32) - 'a' + 10);
                s->left_in_part = s->left_in_part * 16 + (uint64_t)digit;
            }
            break;
        case CHUNK_DATA:
        case LENGTH:
            if (piece > s->left_in_part)
                piece = (size_t)s->left_in_part;
            at += piece;
            s->left_in_part -= piece;
            if (!take_body(s, bytes + at - piece, piece, now))
                return;
            if (s->left_in_part == 0 && s->phase == LENGTH) {
                finish(s, WHOLE);
                return;
            }
            if (s->left_in_part == 0)
                s->phase = CHUNK_END;
            break;
        case CHUNK_END:
            at++;
            if (byte == '\n')
                s->phase = CHUNK_SIZE;
            break;
        case TRAILER:
            at++;
            if (byte == '\n' && !s->line_has_bytes) {
                finish(s, WHOLE);
                return;
            }
            if (byte == '\n')
                s->line_has_bytes = false;
            else if (byte != '\r')
                s->line_has_bytes = true;
            break;
        case UNTIL_CLOSE:
            at = length;
            if (!take_body(s, bytes, length, now))
                return;
            break;
        default:
            finish(s, FAILED);
            return;
        }
    }
}

static void handle(struct stream *s, uint32_t happened) {
    if (s->phase == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            finish(s, FAILED);
            return;
        }
        s->phase = SENDING;
        send_more(s);
        return;
    }
    if (s->phase == SENDING && (happened & EPOLLOUT) != 0) {
        send_more(s);
        return;
    }
    ssize_t length = read(s->fd, input, sizeof input);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length > 0 && s->phase == SENDING)
        s->phase = HEAD; /* Answered before all of it was taken. */
    if (length > 0 && s->phase != IDLE)
        take_input(s, input, (size_t)length, now_us());
    else if (s->phase == UNTIL_CLOSE && length == 0)
        finish(s, WHOLE);
    else if (s->phase == IDLE)
        disconnect(s); /* Between two requests the server may close. */
    else
        finish(s, FAILED);
}

/* --- all of them */

/* Starts what is due. Returns how long nothing else is, in microseconds. */
static uint64_t start_due(struct stream *all, size_t count, uint64_t now, uint64_t ends) {
    uint64_t next = ends;
    for (size_t i = 0; i < count; i++) {
        if (all[i].phase != IDLE)
            continue;
        if (all[i].done_requests >= (is_warm_up ? 1 : requests_each))
            continue;
        if (all[i].starts <= now)
            begin(&all[i]);
        else if (all[i].starts < next)
            next = all[i].starts;
    }
    return next <= now ? 0 : next - now;
}

/* The same in every run. With equal distances, or all at once, the pace of all streams would fall into a pattern that
 * depends on how long a gateway takes for one request. */
static uint64_t random_below(uint64_t limit) {
    static uint64_t state = 88172645463325252ULL;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return limit == 0 ? 0 : state % limit;
}

static void run(size_t count) {
    struct stream *all = calloc(count, sizeof *all);
    uint64_t start = now_us(), ends = start + (uint64_t)(timeout_s * 1e6);
    for (size_t i = 0; i < count; i++) {
        all[i].fd = -1;
        all[i].starts = start + (random_starts ? random_below(count * spread_us) : i * spread_us);
    }
    unfinished = count;
    while (unfinished > 0) {
        uint64_t now = now_us();
        if (now >= ends)
            break;
        uint64_t wait = start_due(all, count, now, ends);
        if (unfinished == 0)
            wait = 0;
        struct timespec limit = {.tv_sec = wait / 1000000, .tv_nsec = wait % 1000000 * 1000};
        struct epoll_event happened[MAX_EVENTS];
        int number = epoll_pwait2(poller, happened, MAX_EVENTS, &limit, NULL);
        for (int i = 0; i < number; i++) {
            struct stream *s = happened[i].data.ptr;
            if (s->fd >= 0)
                handle(s, happened[i].events);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (all[i].phase != IDLE)
            failed++;
        disconnect(&all[i]);
    }
    free(all);
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void print_samples(const char *name, struct samples *samples) {
    qsort(samples->values, samples->count, sizeof *samples->values, compare);
    double sum = 0;
    for (size_t i = 0; i < samples->count; i++)
        sum += samples->values[i];
    size_t n = samples->count;
#define AT(share) (n > 0 ? samples->values[(size_t)((double)(n - 1) * (share))] : 0)
    printf(",\"%s\":{\"n\":%zu,\"mean\":%.1f,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%u}", name, n,
           n > 0 ? sum / (double)n : 0.0, AT(0.5), AT(0.9), AT(0.99), AT(0.999), AT(1.0));
}

static void read_request(void) {
    int file = open(request_path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        die(request_path);
    request_length = (size_t)status.st_size;
    request = malloc(request_length);
    if (read(file, request, request_length) != (ssize_t)request_length)
        die(request_path);
    close(file);
}

static void read_reference(void) {
    int file = open(expect_path, O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        die(expect_path);
    reference_length = (size_t)status.st_size;
    reference = malloc(reference_length + 1);
    if (read(file, reference, reference_length) != (ssize_t)reference_length)
        die(expect_path);
    close(file);
}

static void read_options(int argc, char **argv) {
    static const struct option options[] = {
        {"port", required_argument, NULL, 'p'},        {"request", required_argument, NULL, 'r'},
        {"streams", required_argument, NULL, 's'},     {"requests", required_argument, NULL, 'n'},
        {"first", required_argument, NULL, 'f'},       {"event", required_argument, NULL, 'e'},
        {"save", required_argument, NULL, 'o'},        {"leave-after", required_argument, NULL, 'l'},
        {"spread-us", required_argument, NULL, 'u'},   {"pause-us", required_argument, NULL, 'w'},
        {"timeout-s", required_argument, NULL, 't'},   {"reconnect", no_argument, NULL, 'c'},
        {"expect", required_argument, NULL, 'x'},      {"random-starts", no_argument, NULL, 'z'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'r': request_path = optarg; break;
        case 's': streams = strtoul(optarg, NULL, 10); break;
        case 'n': requests_each = strtoul(optarg, NULL, 10); break;
        case 'f': first_text = optarg; break;
        case 'e': event_text = optarg; break;
        case 'o': save_path = optarg; break;
        case 'l': leave_after = strtoul(optarg, NULL, 10); break;
        case 'u': spread_us = strtoul(optarg, NULL, 10); break;
        case 'w': pause_us = strtoul(optarg, NULL, 10); break;
        case 't': timeout_s = strtod(optarg, NULL); break;
        case 'c': reconnect = true; break;
        case 'x': expect_path = optarg; break;
        case 'z': random_starts = true; break;
        default: exit(2);
        }
    }
    if (port == 0 || request_path == NULL || streams == 0 || requests_each == 0 || *first_text == '\0' || *event_text == '\0') {
        fprintf(stderr, "load: --port, --request, and numbers above 0 are needed\n");
        exit(2);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    read_options(argc, argv);
    read_request();
    prepare_filter();
    poller = epoll_create1(EPOLL_CLOEXEC);
    is_warm_up = true;
    if (expect_path != NULL)
        read_reference();
    else
        run(1);
    if (expect_path == NULL && whole != 1) {
        fprintf(stderr, "load: the first reply was no whole 200:\n%s\n%.*s\n", first_bytes,
                (int)(reference_length < 300 ? reference_length : 300), reference != NULL ? reference : "");
        return 1;
    }
    make_reference();
    is_warm_up = false;
    begun = whole = 0;
    uint64_t start = now_us();
    run(streams);
    uint64_t elapsed = now_us() - start;
    printf("{\"requests\":%llu,\"whole\":%llu,\"left\":%llu,\"wrong\":%llu,\"failed\":%llu,\"events\":%llu,"
           "\"events_each\":%zu,\"body_bytes\":%llu,\"elapsed_us\":%llu",
           (unsigned long long)begun, (unsigned long long)whole, (unsigned long long)left, (unsigned long long)wrong,
           (unsigned long long)failed, (unsigned long long)events_seen, event_count, (unsigned long long)body_bytes,
           (unsigned long long)elapsed);
    print_samples("first_us", &firsts);
    print_samples("gap_us", &gaps);
    printf("}\n");
    return 0;
}
