// cachemodel: processes end while their pools have tasks.
// SPDX-License-Identifier: MIT
#include <cachemodel/executor.hpp>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <semaphore>
#include <thread>
#include <utility>

using namespace cachemodel;
using namespace std::chrono_literals;

namespace {

/// What a process leaves behind.
struct Record {
    std::atomic<int> begun{0};
    std::atomic<int> ran{0};
    std::atomic<int> given_up{0};
    std::atomic<int> ran_before_statics_went{-1};
    std::atomic<int> refused_at_the_end{0};
    std::atomic<int> status_of_child{-1};
};
Record* record = nullptr;

class Job final : public Task {
 public:
    explicit Job(std::function<void()> work) : work_(std::move(work)) {}
    ~Job() override { record->given_up += !has_run_; }
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    void run() noexcept override {
        has_run_ = true;
        record->begun += 1;
        work_();
        record->ran += 1;
    }

 private:
    std::function<void()> work_;
    bool has_run_ = false;
};

bool submit(Executor& executor, std::function<void()> work) {
    std::unique_ptr<Task> task = std::make_unique<Job>(std::move(work));
    return executor.submit(task);
}

void wait_until_begun(int tasks) {
    while (record->begun < tasks) std::this_thread::yield();
}

[[noreturn]] void wait_for_ever() {
    while (true) ::pause();
}

/// Made before any task was submitted.
struct AtEnd {
    ~AtEnd() {
        record->ran_before_statics_went = record->ran.load();
        record->refused_at_the_end += !submit(*default_executor(), [] {});
    }
};
AtEnd at_end;

std::counting_semaphore<> going_on{0};

// ---- each in a process of its own

void leave_with_tasks() {
    for (int i = 0; i < 4; ++i) {
        static_cast<void>(submit(*default_executor(), [] {
            going_on.acquire();
            std::this_thread::sleep_for(20ms);  // who does not wait for it comes too early
        }));
    }
    wait_until_begun(4);
    for (int i = 0; i < 3; ++i) static_cast<void>(submit(*default_executor(), [] {}));
    std::atexit([] { going_on.release(4); });
}

void leave_from_a_task() {
    static_cast<void>(submit(*default_executor(), [] { wait_for_ever(); }));
    wait_until_begun(1);
    static_cast<void>(submit(*default_executor(), [] { std::exit(3); }));
    wait_for_ever();
}

void leave_a_task_behind() {
    static ThreadPool pool{{.threads = 2, .patience = 500ms}};
    static_cast<void>(submit(pool, [] { wait_for_ever(); }));
    static_cast<void>(submit(pool, [] {
        while (submit(pool, [] {})) std::this_thread::yield();
        record->refused_at_the_end += 1;
    }));
    wait_until_begun(2);
}

void leave_a_task_that_forked() {
    static_cast<void>(submit(*default_executor(), [] {
        const auto child = ::fork();
        if (child == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            return;  // its only thread ends, and so it does
        }
        int status = -1;
        ::waitpid(child, &status, 0);
        record->status_of_child = status;
    }));
    while (record->status_of_child == -1) std::this_thread::yield();
}

void leave_with_nothing() {}

// ----

bool all_hold = true;

void expect(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", what);
    all_hold = false;
}

/// The exit status of a process that did `work`; -1 where it was killed.
int leave_after(void (*work)()) {
    new (record) Record;
    const auto id = ::fork();
    if (id == 0) {
        ::alarm(20);
        work();
        std::exit(0);
    }
    int status = 0;
    ::waitpid(id, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

int main() {
    void* const shared =
        ::mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return 1;
    record = static_cast<Record*>(shared);

    expect(leave_after(&leave_with_nothing) == 0, "a process without tasks ends");
    expect(record->refused_at_the_end == 0, "its first task is taken, even at the end");

    expect(leave_after(&leave_with_tasks) == 0, "a process with tasks ends");
    expect(record->begun == 4, "tasks that wait do not begin any more");
    expect(record->ran_before_statics_went == 4, "static objects outlive tasks that run");
    expect(record->given_up == 4, "tasks that wait, or come later, are given up");
    expect(record->refused_at_the_end == 1, "no task is taken at the end");

    expect(leave_after(&leave_from_a_task) == 3, "a task may end the process");
    expect(record->ran == 0, "and does not come back from that");

    expect(leave_after(&leave_a_task_behind) == 0, "a process ends whatever its tasks do");
    expect(record->refused_at_the_end == 1, "and takes no more of them");

    expect(leave_after(&leave_a_task_that_forked) == 0, "a process whose task forked ends");
    expect(record->status_of_child == 0, "and so did the child, when the task returned in it");

    new (record) Record;  // for `at_end` of this process
    return all_hold ? 0 : 1;
}
