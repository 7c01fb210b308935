#ifndef ADMIX_IMAGE_H
#define ADMIX_IMAGE_H

/// The path of the program or shared object that this function was linked into; NULL if unknown.
const char *admix_image_path(void);

#endif
