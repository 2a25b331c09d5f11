// cachemodel: how many entries a file cache holds, without looking.
// SPDX-License-Identifier: MIT
#include "backends/file_counts.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace cachemodel::file {

namespace {

constexpr const char* file_name = "counts.cachemodel";
constexpr std::string_view magic{
    "\x89"
    "cmcnt\n\1",
    8};

// Magic, an XXH3-64 of the numbers, and the numbers, lowest byte first.
constexpr std::size_t table_offset = 16;
constexpr std::size_t table_size = std::size_t{4} * shelf_count;
using Bytes = std::array<char, table_offset + table_size>;

template <class Number>
void put(char* to, Number number) noexcept {
    for (std::size_t i = 0; i < sizeof number; ++i) to[i] = static_cast<char>(number >> 8 * i);
}

void seal(Bytes& bytes) noexcept {
    magic.copy(bytes.data(), magic.size());
    put(bytes.data() + magic.size(),
        std::uint64_t{XXH3_64bits(bytes.data() + table_offset, table_size)});
}

Descriptor open_file(const Root& root) {
    constexpr int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    const int directory = root.directory.number();
    for (int attempt = 0;; ++attempt) {
        Descriptor file = try_open(directory, file_name, flags);
        if (file.is_open() && S_ISREG(status_of(file).st_mode)) return file;
        if (!file.is_open() && errno == ENOENT) {
            file = create(directory, file_name);
            if (file.is_open()) return file;
            continue;
        }
        // A link, a FIFO, a directory: nothing of ours.
        const bool is_other = file.is_open() || errno == ELOOP || errno == ENXIO || errno == EISDIR;
        if (!is_other || attempt == 3) throw DiskError{errno, "open the file of counts"};
        remove_name(directory, file_name, std::string{"remove "} + file_name);
    }
}

}  // namespace

Counts::Counts(const Root& root, Patience& patience)
    : lock_(patience.lock(root.queues->counts, [&] { return open_file(root); })) {
    load();
}

void Counts::load() {
    table_.fill(unknown);
    // One byte more shows a file that is too long.
    std::array<char, sizeof(Bytes) + 1> found{};
    if (read_at(lock_.file(), found.data(), found.size(), 0) != sizeof(Bytes)) return;
    Bytes expected{};
    std::memcpy(expected.data(), found.data(), expected.size());
    seal(expected);
    if (!std::equal(expected.begin(), expected.end(), found.begin())) return;
    for (unsigned shelf = 0; shelf < shelf_count; ++shelf) {
        const char* const bytes = found.data() + table_offset + std::size_t{4} * shelf;
        std::uint32_t count = 0;
        for (std::size_t i = 4; i-- > 0;) count = count << 8 | static_cast<unsigned char>(bytes[i]);
        table_[shelf] = count;
    }
}

std::optional<std::uint64_t> Counts::total() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint32_t count : table_) {
        if (count == unknown) return std::nullopt;
        sum += count;
    }
    return sum;
}

void Counts::set(unsigned shelf, std::uint64_t count) noexcept {
    table_[shelf] = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, unknown - 1));
}

void Counts::add(unsigned shelf) noexcept {
    if (is_known(shelf)) set(shelf, std::uint64_t{table_[shelf]} + 1);
}

void Counts::subtract(unsigned shelf, std::uint64_t count) noexcept {
    if (is_known(shelf)) set(shelf, table_[shelf] - std::min<std::uint64_t>(count, table_[shelf]));
}

void Counts::save() {
    Bytes bytes{};
    for (unsigned shelf = 0; shelf < shelf_count; ++shelf) {
        put(bytes.data() + table_offset + std::size_t{4} * shelf, table_[shelf]);
    }
    seal(bytes);
    write_at(lock_.file(), bytes.data(), bytes.size(), 0);
}

}  // namespace cachemodel::file
