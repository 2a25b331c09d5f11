// cachemodel: a file descriptor that has an owner.
// SPDX-License-Identifier: MIT
#pragma once

#include <unistd.h>

#include <utility>

namespace cachemodel::detail {

/// Owns a file descriptor.
class Descriptor {
 public:
    Descriptor() noexcept = default;
    explicit Descriptor(int number) noexcept : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() {
        if (number_ != -1) ::close(number_);
    }

    int number() const noexcept { return number_; }
    bool is_open() const noexcept { return number_ != -1; }
    int release() noexcept { return std::exchange(number_, -1); }

 private:
    int number_ = -1;
};

}  // namespace cachemodel::detail
