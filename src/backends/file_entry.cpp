// cachemodel: one entry as the bytes of a file.
// SPDX-License-Identifier: MIT
#include "backends/file_entry.hpp"

#include <cachemodel/detail/key_text.hpp>

#include "sha256.hpp"

#include <sched.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

namespace cachemodel::file {

namespace {

constexpr std::string_view magic{
    "\x89"
    "cmfile\n",
    8};
constexpr std::uint32_t format_version = 1;
constexpr std::size_t version_size = sizeof format_version;
constexpr std::string_view suffix = ".cachemodel";
constexpr std::string_view draft_prefix = "draft-";
constexpr std::size_t digest_digits = 2 * std::tuple_size_v<decltype(detail::sha256({}))>;
constexpr std::size_t draft_digits = 32;

constexpr std::size_t head_size = 64;
constexpr std::size_t fixed_size = 32;
constexpr std::size_t expiry_offset = 48;
constexpr std::size_t expiry_size = 16;
/// One read of this many bytes is enough for most entries.
constexpr std::size_t usual_size = 4096;

constexpr std::size_t longest_key = std::numeric_limits<std::uint32_t>::max();

template <class Number>
Number load(const char* from) noexcept {
    Number number = 0;
    for (std::size_t i = sizeof number; i-- > 0;) {
        number = static_cast<Number>(number << 8 | static_cast<unsigned char>(from[i]));
    }
    return number;
}

template <class Number>
void save(char* to, Number number) noexcept {
    for (std::size_t i = 0; i < sizeof number; ++i) to[i] = static_cast<char>(number >> 8 * i);
}

std::uint64_t check_of(std::string_view bytes, std::uint64_t seed) noexcept {
    return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::uint64_t head_check_of(const char* head, std::string_view key) noexcept {
    return check_of(key, check_of({head, fixed_size}, 0));
}

void save_expiry(char* block, Milliseconds expires_at, std::uint64_t head_check) noexcept {
    save(block, static_cast<std::uint64_t>(expires_at));
    save(block + 8, check_of({block, 8}, head_check));
}

/// A reader may meet a touch halfway; then it looks again.
std::optional<Milliseconds> read_expiry(const Descriptor& file, const char* block,
                                        std::uint64_t head_check) {
    constexpr int looks = 100;
    char again[expiry_size];
    for (int look = 0; look < looks; ++look) {
        if (load<std::uint64_t>(block + 8) == check_of({block, 8}, head_check)) {
            return static_cast<Milliseconds>(load<std::uint64_t>(block));
        }
        if (look > 0) ::sched_yield();
        if (read_at(file, again, expiry_size, expiry_offset) < expiry_size) break;
        block = again;
    }
    return std::nullopt;
}

void write_entry(const Descriptor& file, std::string_view key, std::string_view value,
                 std::uint64_t token, Milliseconds expires_at) {
    char head[head_size];
    magic.copy(head, magic.size());
    save(head + 8, format_version);
    save(head + 12, static_cast<std::uint32_t>(key.size()));
    save(head + 16, std::uint64_t{value.size()});
    save(head + 24, token);
    const std::uint64_t head_check = head_check_of(head, key);
    save(head + 32, head_check);
    save(head + 40, check_of(value, head_check));
    save_expiry(head + expiry_offset, expires_at, head_check);
    std::array<iovec, 3> parts{{{head, head_size},
                                {const_cast<char*>(key.data()), key.size()},
                                {const_cast<char*>(value.data()), value.size()}}};
    write_all(file, parts);
}

/// A sparse file may be of any length and hold nothing, but room in memory is taken by its length.
/// Where the file system compresses, a file may well take less than its length.
std::uint64_t most_credible_size(const struct stat& status) noexcept {
    constexpr std::uint64_t size_of_any_file = std::uint64_t{64} << 20;
    constexpr std::uint64_t best_compression = 64;
    return size_of_any_file + best_compression * 512 * static_cast<std::uint64_t>(status.st_blocks);
}

bool is_name(std::string_view name, std::string_view prefix, std::size_t digits) noexcept {
    if (name.size() != prefix.size() + digits + suffix.size()) return false;
    if (!name.starts_with(prefix) || !name.ends_with(suffix)) return false;
    const auto middle = name.substr(prefix.size(), digits);
    return middle.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

Milliseconds milliseconds_of(std::chrono::system_clock::time_point time) noexcept {
    return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

Milliseconds end_of(Lifetime lifetime, std::chrono::system_clock::time_point time) noexcept {
    if (lifetime.is_never()) return forever;
    // The whole milliseconds of both are added apart, as a sum in nanoseconds may be too large.
    const auto now = std::chrono::floor<std::chrono::milliseconds>(time);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(time - now);
    return milliseconds_of(now) +
           std::chrono::ceil<std::chrono::milliseconds>(lifetime.duration() + rest).count();
}

EntryName::EntryName(std::string_view key) {
    const auto digest = detail::sha256(key);
    shelf_ = digest.front();
    path_.reserve(3 + digest_digits + suffix.size());
    const auto bytes = detail::as_text(digest.data(), digest.size());
    detail::append_hex(path_, bytes.substr(0, 1));
    path_ += '/';
    detail::append_hex(path_, bytes);
    path_ += suffix;
}

bool is_entry_name(std::string_view name) noexcept { return is_name(name, "", digest_digits); }

bool is_draft_name(std::string_view name) noexcept {
    return is_name(name, draft_prefix, draft_digits);
}

void Buffer::reserve(std::size_t size, std::size_t kept) {
    if (size <= size_) return;
    auto larger = std::make_unique_for_overwrite<char[]>(size);
    if (kept > 0) std::memcpy(larger.get(), bytes_.get(), kept);
    bytes_ = std::move(larger);
    size_ = size;
}

HeadResult read_head(const Descriptor& file, Buffer& buffer, std::optional<std::string_view> key) {
    const struct stat status = status_of(file);
    if (!S_ISREG(status.st_mode)) return MissReason::nothing_stored;
    const auto size = static_cast<std::uint64_t>(status.st_size);

    buffer.reserve(usual_size, 0);
    Head head;
    head.bytes_read = read_at(file, buffer.data(), std::min<std::uint64_t>(size, usual_size), 0);
    const char* bytes = buffer.data();
    const std::size_t told = std::min(head.bytes_read, magic.size());
    if (std::string_view{bytes, told} != magic.substr(0, told)) return MissReason::foreign;
    if (head.bytes_read < magic.size() + version_size) return MissReason::corrupt;
    if (load<std::uint32_t>(bytes + magic.size()) != format_version) {
        return MissReason::unknown_format;
    }
    if (head.bytes_read < head_size || size > most_credible_size(status)) {
        return MissReason::corrupt;
    }
    const std::size_t key_size = load<std::uint32_t>(bytes + 12);
    head.value_size = load<std::uint64_t>(bytes + 16);
    // What the lengths say is believed only where the file is exactly as long.
    if (key_size > size - head_size || head.value_size != size - head_size - key_size) {
        return MissReason::corrupt;
    }

    const std::size_t key_end = head_size + key_size;
    if (head.bytes_read < key_end) {
        buffer.reserve(key_end, head.bytes_read);
        head.bytes_read += read_at(file, buffer.data() + head.bytes_read, key_end - head.bytes_read,
                                   head.bytes_read);
        if (head.bytes_read < key_end) return MissReason::corrupt;
        bytes = buffer.data();
    }
    head.key = {bytes + head_size, key_size};
    head.token = load<std::uint64_t>(bytes + 24);
    head.check = load<std::uint64_t>(bytes + 32);
    head.value_check = load<std::uint64_t>(bytes + 40);
    if (head.check != head_check_of(bytes, head.key)) return MissReason::corrupt;
    if (key && head.key != *key) return MissReason::other_key;
    const auto expires_at = read_expiry(file, bytes + expiry_offset, head.check);
    if (!expires_at) return MissReason::corrupt;
    head.expires_at = *expires_at;
    return head;
}

std::optional<std::string_view> read_value(const Descriptor& file, const Head& head,
                                           Buffer& buffer) {
    const std::size_t begin = head_size + head.key.size();
    const std::size_t end = begin + head.value_size;
    if (head.bytes_read < end) {
        // The key in the buffer may move; nobody needs it any more.
        buffer.reserve(end, head.bytes_read);
        const std::size_t missing = end - head.bytes_read;
        if (read_at(file, buffer.data() + head.bytes_read, missing, head.bytes_read) < missing) {
            return std::nullopt;
        }
    }
    const std::string_view value{buffer.data() + begin, head.value_size};
    if (check_of(value, head.check) != head.value_check) return std::nullopt;
    return value;
}

void write_expiry(const Descriptor& file, const Head& head, Milliseconds expires_at) {
    char block[expiry_size];
    save_expiry(block, expires_at, head.check);
    write_at(file, block, expiry_size, expiry_offset);
}

Draft::Draft(const Descriptor& shelf, std::string_view key, std::string_view value,
             Milliseconds expires_at)
    : shelf_(shelf) {
    if (key.size() > longest_key) throw DiskError{BackendFault::unsupported, "the key is too long"};
    refuse_if_over_limit(head_size + key.size() + value.size());
    std::uint64_t token = 0;
    Descriptor file;
    do {
        std::array<unsigned char, draft_digits / 2 + sizeof token> random{};
        fill_randomly(random);
        name_ = draft_prefix;
        detail::append_hex(name_, detail::as_text(random.data(), draft_digits / 2));
        name_ += suffix;
        std::memcpy(&token, random.data() + draft_digits / 2, sizeof token);
        file = create(shelf.number(), name_.c_str());
    } while (!file.is_open());
    try {
        write_entry(file, key, value, std::max<std::uint64_t>(token, 1), expires_at);
    } catch (...) {
        ::unlinkat(shelf_.number(), name_.c_str(), 0);
        throw;
    }
}

Draft::~Draft() {
    if (!name_.empty()) ::unlinkat(shelf_.number(), name_.c_str(), 0);
}

void Draft::publish(const char* name) {
    if (::renameat(shelf_.number(), name_.c_str(), shelf_.number(), name) != 0) {
        throw DiskError{errno, "rename a file"};
    }
    name_.clear();
}

}  // namespace cachemodel::file
