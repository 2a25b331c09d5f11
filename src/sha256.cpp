// cachemodel: the digest of keys.
// SPDX-License-Identifier: MIT
// SHA256() itself asks OpenSSL 3 for the algorithm, and crashes when OpenSSL has cleaned up at exit
// while destructors of static objects still use their caches. These deprecated three need nothing.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "sha256.hpp"

#include <openssl/sha.h>

namespace cachemodel::detail {

std::array<unsigned char, 32> sha256(std::string_view bytes) noexcept {
    std::array<unsigned char, 32> digest{};
    static_assert(digest.size() == SHA256_DIGEST_LENGTH);
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(digest.data(), &context);
    return digest;
}

}  // namespace cachemodel::detail
