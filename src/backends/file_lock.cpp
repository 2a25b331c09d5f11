// cachemodel: locks among threads and processes that are not waited for without end.
// SPDX-License-Identifier: MIT
#include "backends/file_lock.hpp"

#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <thread>

namespace cachemodel::file {

namespace {

constexpr std::chrono::microseconds shortest_pause{20};
constexpr std::chrono::microseconds longest_pause{500};

}  // namespace

HeldLock::~HeldLock() {
    if (number_ != -1) ::flock(number_, LOCK_UN);
}

HeldLock try_lock(const Descriptor& file) {
    int answer = 0;
    do {
        answer = ::flock(file.number(), LOCK_EX | LOCK_NB);
    } while (answer != 0 && errno == EINTR);
    if (answer == 0) return HeldLock{file};
    if (errno == EWOULDBLOCK) return HeldLock{};
    throw DiskError{errno, "lock a directory"};
}

HeldLock Patience::lock(const Descriptor& file) {
    std::chrono::nanoseconds time = shortest_pause;
    while (true) {
        HeldLock lock = try_lock(file);
        if (lock.is_held()) return lock;
        pause(time);
        time = std::min<std::chrono::nanoseconds>(2 * time, longest_pause);
    }
}

void Patience::pause(std::chrono::nanoseconds time) {
    if (left_ <= std::chrono::nanoseconds::zero()) {
        throw DiskError{BackendFault::timeout, "others kept what it needs until the deadline"};
    }
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(std::min(time, left_));
    left_ -= std::chrono::steady_clock::now() - begin;
}

}  // namespace cachemodel::file
