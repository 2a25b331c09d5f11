// cachemodel: the soak: what its processes share.
// SPDX-License-Identifier: MIT
#pragma once

#include <pthread.h>
#include <sys/mman.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <system_error>

namespace cachemodel::soak {

/// The same in all processes of a machine.
using Time = std::chrono::steady_clock::time_point;

inline Time now() noexcept { return std::chrono::steady_clock::now(); }
/// Of what is not over.
inline constexpr Time open_end = Time::max();

/// A mutex between processes.
class SharedMutex {
 public:
    SharedMutex() noexcept {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        // A process that dies in the middle is to be reported, not to hold up the others.
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&mutex_, &attributes);
        pthread_mutexattr_destroy(&attributes);
    }
    SharedMutex(const SharedMutex&) = delete;
    SharedMutex& operator=(const SharedMutex&) = delete;

    void lock() noexcept {
        if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) pthread_mutex_consistent(&mutex_);
    }
    void unlock() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
    pthread_mutex_t mutex_;
};

/// An object that this process and the children that it forks later see.
template <class T>
class Shared {
 public:
    Shared() {
        void* const memory =
            ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error{errno, std::generic_category(), "mmap"};
        object_.reset(new (memory) T);
    }

    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_.get(); }

 private:
    struct Unmap {
        void operator()(T* object) const noexcept { ::munmap(object, sizeof(T)); }
    };
    std::unique_ptr<T, Unmap> object_;
};

}  // namespace cachemodel::soak
