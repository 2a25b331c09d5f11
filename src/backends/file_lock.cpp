// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#include "backends/file_lock.hpp"

#include "at_fork.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>
#include <vector>

namespace cachemodel::file {

namespace {

constexpr std::chrono::microseconds shortest_pause{20};
constexpr std::chrono::microseconds longest_pause{500};

[[noreturn]] void give_up() {
    throw DiskError{BackendFault::timeout, "others kept what it needs until the deadline"};
}

/// The files that this process has open to lock them. A child has them open too, and would keep
/// the locks if its parent ended before it unlocks: it closes them first of all. That unlocks
/// nothing for a parent that goes on.
///
/// Thread safety: may be called concurrently.
class FilesToLock final : detail::AtFork {
 public:
    FilesToLock() noexcept { join_forks(); }

    /// What `open()` opens. Errors: those of `open`.
    Descriptor open(const std::function<Descriptor()>& open) {
        const std::lock_guard lock{mutex_};
        numbers_.reserve(numbers_.size() + 1);
        Descriptor file = open();
        if (file.is_open()) numbers_.push_back(file.number());
        return file;
    }

    void unlock_and_close(Descriptor file) noexcept {
        const std::lock_guard lock{mutex_};
        const Descriptor closing = std::move(file);
        ::flock(closing.number(), LOCK_UN);
        std::erase(numbers_, closing.number());
    }

 private:
    void before_fork() noexcept override { mutex_.lock(); }
    void after_fork() noexcept override { mutex_.unlock(); }
    void in_child() noexcept override {
        for (const int number : numbers_) ::close(number);
        numbers_.clear();
        mutex_.unlock();
    }

    std::mutex mutex_;
    std::vector<int> numbers_;
};

FilesToLock& files_to_lock() {
    // Never destroyed: other objects of static duration may use their caches until the very end.
    static auto& files = *new FilesToLock;
    return files;
}
// Made before `main`: in a child that is forked while another thread makes it, it is never made.
[[maybe_unused]] const auto& early_files = files_to_lock();

/// Closes what it has not given away.
class FileToLock {
 public:
    explicit FileToLock(const std::function<Descriptor()>& open)
        : file_(files_to_lock().open(open)) {}
    FileToLock(const FileToLock&) = delete;
    FileToLock& operator=(const FileToLock&) = delete;
    ~FileToLock() {
        if (file_.is_open()) files_to_lock().unlock_and_close(std::move(file_));
    }

    /// Not held where somebody else holds it. Errors: `DiskError`.
    HeldLock try_lock() {
        if (::flock(file_.number(), LOCK_EX | LOCK_NB) == 0) return HeldLock{std::move(file_)};
        if (errno == EWOULDBLOCK || errno == EINTR) return HeldLock{};
        throw DiskError{errno, "lock a directory"};
    }

 private:
    Descriptor file_;
};

/// Opens the directory once more, for a lock of its own.
std::function<Descriptor()> opener(const Descriptor& directory) {
    return [number = directory.number()] {
        return open(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, "open a directory to lock it");
    };
}

}  // namespace

bool Queue::enter(std::chrono::steady_clock::time_point end) {
    std::unique_lock lock{mutex_};
    if (!is_taken_ && waiting_.empty()) return is_taken_ = true;
    const auto place = waiting_.emplace(waiting_.end());
    const bool has_come =
        place->wait_until(lock, end, [&] { return !is_taken_ && place == waiting_.begin(); });
    waiting_.erase(place);
    if (has_come) {
        is_taken_ = true;
    } else {
        call_next();  // this may have been the first
    }
    return has_come;
}

void Queue::leave() noexcept {
    const std::lock_guard lock{mutex_};
    is_taken_ = false;
    call_next();
}

void Queue::call_next() noexcept {
    if (!is_taken_ && !waiting_.empty()) waiting_.front().notify_one();
}

HeldLock::~HeldLock() {
    if (file_.is_open()) files_to_lock().unlock_and_close(std::move(file_));
}

HeldLock try_lock(const Descriptor& directory) { return FileToLock{opener(directory)}.try_lock(); }

HeldLock Patience::lock(Queue& queue, const Descriptor& directory) {
    return lock(queue, opener(directory));
}

HeldLock Patience::lock(Queue& queue, const std::function<Descriptor()>& open) {
    const auto begin = std::chrono::steady_clock::now();
    if (!queue.enter(begin + std::max(left_, std::chrono::nanoseconds::zero()))) give_up();
    Turn turn{queue};
    left_ -= std::chrono::steady_clock::now() - begin;
    FileToLock file{open};
    std::chrono::nanoseconds time = shortest_pause;
    while (true) {
        HeldLock lock = file.try_lock();
        if (lock.is_held()) {
            lock.keep(std::move(turn));
            return lock;
        }
        pause(time);
        time = std::min<std::chrono::nanoseconds>(2 * time, longest_pause);
    }
}

void Patience::pause(std::chrono::nanoseconds time) {
    if (left_ <= std::chrono::nanoseconds::zero()) give_up();
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::min(time, left_));
    left_ -= std::chrono::steady_clock::now() - begin;
}

}  // namespace cachemodel::file
