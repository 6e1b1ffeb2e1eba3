"""Where the points of a face are, and the smooth map that lays one face over another.

The map is a thin-plate spline through 68 landmarks and a forehead (Bookstein 1989, doi:10.1109/34.24792), evaluated on
a mesh of 48 x 48 and carried out by OpenCV: no triangles, so no kinks, and every landmark lands where it should.
"""

from dataclasses import dataclass

import numpy as np

from core.faces.detect import detector, shifted, shifts, to_points

JAW, BROWS, NOSE, EYES, LIPS, INNER_LIPS = (slice(*s) for s in ((0, 17), (17, 27), (27, 36), (36, 48), (48, 60), (60, 68)))
MIRRORED = np.r_[16:-1:-1, 26:16:-1, 27:31, 35:30:-1, 45:41:-1, 47, 46, 39:35:-1, 41, 40, 54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1]
FOREHEAD = 0.62  # how far above the brows the mask goes, in distances from the eyes to the mouth
MESH = 48
SHAKE = 0.05  # of a face's width: how far the boxes lie apart over which landmarks are averaged
SMOOTH = 1e-4  # lets the spline miss points by a trifle rather than fold


@dataclass(frozen=True, eq=False)
class Warp:
    """A face laid over another: (h, w, 3) uint8 as large as the region, (h, w) bool where it came from the source."""

    image: np.ndarray
    valid: np.ndarray
    opening: float  # of the source's mouth


@dataclass(frozen=True)
class Region:
    """The part of a picture that a swap touches, px: [top:bottom, left:right]."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def size(self):
        return self.right - self.left, self.bottom - self.top

    @property
    def slices(self):
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def corner(self):
        return np.array([self.left, self.top], np.float32)


def steady_landmarks(array, box):
    """(H, W, 3) uint8, core.faces Box -> (68, 2) float32: the mean over seven boxes, for those of one shake by a pixel or two."""
    step = max(1, round(SHAKE * box.width))
    return np.mean([to_points(detector().points(array, shifted(box, *by), "landmarks")) for by in shifts(step)], 0).astype(np.float32)


def eye_distance(points):
    """px between the centres of the eyes"""
    return float(np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0)))


def opening(points):
    """How wide the mouth is open, in eye distances."""
    return float(np.linalg.norm(points[61:64].mean(0) - points[65:68].mean(0))) / eye_distance(points)


def forehead(points):
    """(68, 2) -> (9, 2): an arc above the brows, from temple to temple."""
    eyes, mouth = points[EYES].mean(0), points[LIPS].mean(0)
    up = (eyes - mouth) * FOREHEAD
    brows = points[[17, 18, 19, 20, 21, 22, 23, 24, 25, 26]]
    arc = np.array([0.35, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 0.9, 0.7, 0.35])[:, None]
    raised = brows + arc * up
    middle = (raised[4] + raised[5]) / 2
    return np.concatenate([raised[:4], middle[None], raised[6:]]).astype(np.float32)


def with_forehead(points):
    """(68, 2) -> (77, 2)"""
    return np.concatenate([points, forehead(points)])


def outline(points):
    """(68, 2) -> (n, 2): the border of the face, forehead included, convex."""
    import cv2

    return cv2.convexHull(with_forehead(points).astype(np.float32))[:, 0]


def region_of(points, size, margin=0.35):
    """The rectangle around a face with a margin in eye distances, inside a picture of (width, height) px."""
    border, gap = outline(points), margin * eye_distance(points)
    (left, top), (right, bottom) = np.floor(border.min(0) - gap), np.ceil(border.max(0) + gap)
    return Region(int(max(0, left)), int(max(0, top)), int(min(size[0], right)), int(min(size[1], bottom)))


def turn(points):
    """How far the nose is off the middle of the jaw, along the line of the eyes; 0 looks straight, negative to the picture's left."""
    across = points[EYES][6:].mean(0) - points[EYES][:6].mean(0)
    return float((points[30] - (points[0] + points[16]) / 2) @ across / max(1e-6, across @ across))


def mirror(array, points):
    """A picture and its landmarks as in a mirror; the left eye's points are then the right eye's."""
    flipped = points[MIRRORED].copy()
    flipped[:, 0] = array.shape[1] - 1 - flipped[:, 0]
    return np.ascontiguousarray(array[:, ::-1]), flipped


def towards(points, onto, share):
    """`onto`, with `share` of the shape of `points` mixed in after both are brought to one place, size and angle. (68, 2)"""
    return onto if not share else onto + share * (similar(points, onto) - onto)


def similar(points, onto):
    """`points`, moved, turned and scaled to lie as closely on `onto` as possible. Umeyama 1991, doi:10.1109/34.88573. (n, 2)"""
    a, b = points - points.mean(0), onto - onto.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    flip = np.diag([1.0, np.sign(np.linalg.det(u @ vt))])
    scale = (s * np.diag(flip)).sum() / max(1e-9, (a * a).sum())
    return (scale * a @ u @ flip @ vt + onto.mean(0)).astype(np.float32)


def lay_over(source, points, onto, region):
    """Warp a source face so that its landmarks fall on `onto`.

    source: (H, W, 3) uint8; points: (68, 2) its landmarks; onto: (68, 2) where they shall be, px of the target
    region: of the target that is filled -> Warp
    """
    import cv2
    from scipy.interpolate import RBFInterpolator

    shrink = min(1.0, 1.3 * eye_distance(onto) / max(1.0, eye_distance(points)))
    if shrink < 0.8:  # otherwise a large source, sampled sparsely, would glitter
        source = cv2.resize(source, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        points = points * shrink
    scale = eye_distance(onto)
    centre = onto.mean(0)
    spline = RBFInterpolator((with_forehead(onto) - centre) / scale, with_forehead(points), kernel="thin_plate_spline", smoothing=SMOOTH)
    width, height = region.size
    xs, ys = np.linspace(region.left, region.right - 1, MESH), np.linspace(region.top, region.bottom - 1, MESH)
    mesh = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    where = spline((mesh - centre) / scale).reshape(MESH, MESH, 2).astype(np.float32)
    grid = _spread(where, width, height)
    image = cv2.remap(source, grid, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    inside = (grid >= 0).all(-1) & (grid[..., 0] <= source.shape[1] - 1) & (grid[..., 1] <= source.shape[0] - 1)
    return Warp(image, inside, opening(points))


def _spread(mesh, width, height):
    """(MESH, MESH, 2) values at evenly spaced px, corners included -> (height, width, 2) for every px between them."""
    import cv2

    x = np.linspace(0, MESH - 1, width, dtype=np.float32)
    y = np.linspace(0, MESH - 1, height, dtype=np.float32)
    return cv2.remap(mesh, *np.meshgrid(x, y), cv2.INTER_LINEAR)


def filled(polygon, region, fraction=4):
    """(n, 2) px of the picture -> (h, w) float32 of the region, 1 inside; edges exact to a sixteenth of a px."""
    import cv2

    width, height = region.size
    mask = np.zeros((height, width), np.uint8)
    corners = np.rint((polygon - region.corner) * 2**fraction).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, cv2.LINE_AA, fraction)
    return mask.astype(np.float32) / 255


def grown(polygon, share):
    """A polygon blown up around its middle by a share of its size."""
    middle = polygon.mean(0)
    return middle + (1 + share) * (polygon - middle)
