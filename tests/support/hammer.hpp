// cachemodel: threads that use a backend while a test harms its server.
// SPDX-License-Identifier: MIT
#pragma once

#include "support/backend_calls.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace cachemodel::support {

/// Reads, writes and closes on six threads until `stop`, and counts the values that were not those
/// that had been written.
class Hammer {
 public:
    explicit Hammer(Backend& backend) : backend_(backend) {
        for (int i = 0; i < 6; ++i) threads_.emplace_back([this, i] { work(i); });
    }
    ~Hammer() { stop(); }
    Hammer(const Hammer&) = delete;
    Hammer& operator=(const Hammer&) = delete;

    void stop() {
        is_ending_ = true;
        for (auto& thread : threads_) thread.join();
        threads_.clear();
    }
    int wrong() const noexcept { return wrong_; }
    int found() const noexcept { return found_; }

 private:
    void work(int thread) {
        for (int round = 0; !is_ending_; ++round) {
            const auto key = "key" + std::to_string((round * 7 + thread) % 40);
            if (round % 3 == 0) {
                static_cast<void>(set(backend_, key, "value of " + key));
            } else if (round % 50 == 1) {
                backend_.close();
            } else {
                const auto reads = get_many(backend_, {key, "key1", "key2"});
                if (reads[0].found()) {
                    ++found_;
                    wrong_ += reads[0].value != "value of " + key;
                }
                wrong_ += reads[1].found() && reads[1].value != "value of key1";
                wrong_ += reads[0].answers != 1;
            }
        }
    }

    Backend& backend_;
    std::atomic<bool> is_ending_{false};
    std::atomic<int> wrong_{0};
    std::atomic<int> found_{0};
    std::vector<std::thread> threads_;
};

}  // namespace cachemodel::support
