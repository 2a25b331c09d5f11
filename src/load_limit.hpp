// cachemodel: how many loads may run at a time while the cache cannot be read.
// SPDX-License-Identifier: MIT
#pragma once

#include <cachemodel/error.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>

#include "at_fork.hpp"

namespace cachemodel::detail {

/// Thread safety: may be called concurrently.
class LoadLimit final : AtFork {
 public:
    explicit LoadLimit(std::size_t most) noexcept;
    ~LoadLimit();

    /// Whether this thread has a place, in whatever cache.
    static bool is_placed() noexcept;
    /// What those get who were given no place: a `BackendError`.
    std::exception_ptr refusal() const;

    /// One of the places, as long as this lives.
    class Place {
     public:
        /// That of the thread that waits for this one.
        Place() noexcept;
        /// Waits until one is free, at most until `deadline`. Who has one already needs no other.
        Place(LoadLimit& limit, std::chrono::steady_clock::time_point deadline);
        ~Place();
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        bool is_given() const noexcept { return is_given_; }

     private:
        LoadLimit* limit_ = nullptr;
        bool is_given_ = true;
    };

    /// As long as this lives, the place of its thread is free for others: what the thread waits for
    /// may be a load that waits for a place. Afterwards it goes on at once, even if there is one
    /// too many then.
    class Waiting {
     public:
        /// False where what is waited for has the place.
        explicit Waiting(bool leaves_place = true) noexcept;
        ~Waiting();
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;

     private:
        LoadLimit* limit_;
    };

 private:
    void give_back() noexcept;
    void in_child() noexcept override;

    const std::size_t most_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::size_t taken_ = 0;
};

}  // namespace cachemodel::detail
