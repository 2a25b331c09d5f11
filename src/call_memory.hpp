// cachemodel: memory for what lives no longer than a call, mostly without the heap.
// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <memory_resource>
#include <string>
#include <utility>

namespace cachemodel::detail {

/// The first `size` bytes are in the object itself, so that a call on one key needs no heap. What
/// is given back is not used again before all of it is.
///
/// Thread safety: of one thread.
template <std::size_t size>
class CallMemory {
 public:
    CallMemory() noexcept = default;
    CallMemory(const CallMemory&) = delete;
    CallMemory& operator=(const CallMemory&) = delete;

    std::pmr::memory_resource* resource() noexcept { return &memory_; }

 private:
    alignas(std::max_align_t) std::array<std::byte, size> room_;
    std::pmr::monotonic_buffer_resource memory_{room_.data(), room_.size()};
};

/// A text that a thread keeps between calls, for its memory only: each call makes the text of a
/// key.
class SpareText {
 public:
    /// Empty, with some memory if one was left.
    static std::string take() noexcept {
        return is_over_ ? std::string{} : std::exchange(mine().text_, {});
    }
    static void leave(std::string&& text) noexcept {
        if (is_over_ || text.capacity() > most_bytes) return;
        mine().text_ = std::move(text);
        mine().text_.clear();
    }

 private:
    static constexpr std::size_t most_bytes = 512;

    SpareText() noexcept = default;
    ~SpareText() { is_over_ = true; }

    static SpareText& mine() noexcept {
        thread_local SpareText spare;
        return spare;
    }

    /// Other objects of the thread may still call while it ends.
    static inline thread_local bool is_over_ = false;

    std::string text_;
};

}  // namespace cachemodel::detail
